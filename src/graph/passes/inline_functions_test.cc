#include "graph/passes/inline_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/evaluate.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/onnx/testing.h"
#include "graph/support.h"

namespace dunlin {
namespace {

using onnx::add_node;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::small_proto;
using testing::HasSubstr;

Model parse(const ModelProto& proto) { return parse_onnx(as_bytes(proto.SerializeAsString())); }

FunctionProto& add_function(ModelProto& m, const std::string& name, std::initializer_list<const char*> inputs,
                            std::initializer_list<const char*> outputs) {
  FunctionProto& f = *m.add_functions();
  f.set_domain("mine");
  f.set_name(name);
  for (const char* input : inputs) f.add_input(input);
  for (const char* output : outputs) f.add_output(output);
  f.add_opset_import()->set_version(17);
  f.add_opset_import()->set_domain("mine");
  f.mutable_opset_import(1)->set_version(1);
  return f;
}

onnx::NodeProto& call(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, const std::string& name,
                      std::initializer_list<const char*> inputs, std::initializer_list<const char*> outputs) {
  onnx::NodeProto& node = add_node(nodes, name, inputs, outputs);
  node.set_domain("mine");
  return node;
}

ModelProto proto_with_calls() {
  ModelProto m = small_proto();
  m.add_opset_import()->set_domain("mine");
  m.mutable_opset_import(1)->set_version(1);
  m.mutable_graph()->clear_node();
  return m;
}

std::vector<float> run(const Model& model, std::initializer_list<float> x) {
  const Graph g = inline_functions(model);
  check_supported(g);
  std::vector<Tensor> in;
  in.push_back(Tensor::of<float>({static_cast<int64_t>(x.size())}, x));
  const std::vector<Tensor> out = evaluate(g, in);
  const auto v = out[0].values<float>();
  return {v.begin(), v.end()};
}

TEST(InlineFunctions, CallsInsideCallsWithAttributesAndOptionalInputs) {
  ModelProto m = proto_with_calls();
  // twice(a) = a + a;  shifted(a, b, axis) = Concat(twice(a), twice(a), axis)
  FunctionProto& twice = add_function(m, "twice", {"a", "unused"}, {"sum"});
  add_node(*twice.mutable_node(), "Add", {"a", "a"}, {"sum"});
  FunctionProto& joined = add_function(m, "joined", {"a"}, {"b", "same"});
  joined.add_attribute("axis");
  call(*joined.mutable_node(), "twice", {"a"}, {"d"});
  call(*joined.mutable_node(), "twice", {"d"}, {"e"});
  AttributeProto& axis = *add_node(*joined.mutable_node(), "Concat", {"d", "e"}, {"b"}).add_attribute();
  axis.set_name("axis");
  axis.set_ref_attr_name("axis");
  axis.set_type(AttributeProto::INT);
  add_node(*joined.mutable_node(), "Identity", {"a"}, {"same"});
  auto& nodes = *m.mutable_graph()->mutable_node();
  AttributeProto& given = *call(nodes, "joined", {"x"}, {"y", "copy"}).add_attribute();
  given.set_name("axis");
  given.set_type(AttributeProto::INT);
  given.set_i(0);
  const Model model = parse(m);
  EXPECT_THAT(run(model, {1, -3}), testing::ElementsAre(2, -6, 4, -12));
  // Kept, and written back.
  const Model again = parse_onnx(serialize_onnx(model));
  ASSERT_EQ(again.functions.size(), 2u);
  EXPECT_EQ(again.graph.nodes.size(), 1u);
  EXPECT_THAT(run(again, {5}), testing::ElementsAre(10, 20));
}

TEST(InlineFunctions, AnOutputThatIsAnInputIsCopied) {
  ModelProto m = proto_with_calls();
  add_function(m, "same", {"a"}, {"a"});
  call(*m.mutable_graph()->mutable_node(), "same", {"x"}, {"y"});
  EXPECT_THAT(run(parse(m), {1, 2}), testing::ElementsAre(1, 2));
}

TEST(InlineFunctions, DefaultsOfAttributes) {
  ModelProto m = proto_with_calls();
  FunctionProto& f = add_function(m, "join", {"a"}, {"b"});
  AttributeProto& otherwise = *f.add_attribute_proto();
  otherwise.set_name("where");
  otherwise.set_type(AttributeProto::INT);
  otherwise.set_i(0);
  AttributeProto& axis = *add_node(*f.mutable_node(), "Concat", {"a", "a"}, {"b"}).add_attribute();
  axis.set_name("axis");
  axis.set_ref_attr_name("where");
  axis.set_type(AttributeProto::INT);
  call(*m.mutable_graph()->mutable_node(), "join", {"x"}, {"y"});
  EXPECT_THAT(run(parse(m), {3}), testing::ElementsAre(3, 3));
}

TEST(InlineFunctions, OtherOpsetsAreKeptOnTheNodes) {
  ModelProto m = proto_with_calls();
  FunctionProto& f = add_function(m, "f", {"a"}, {"b"});
  f.mutable_opset_import(0)->set_version(13);
  add_node(*f.mutable_node(), "Relu", {"a"}, {"b"});
  call(*m.mutable_graph()->mutable_node(), "f", {"x"}, {"y"});
  const Graph g = inline_functions(parse(m));
  EXPECT_EQ(g.opset_of(g.nodes.at(0)), 13);
}

void expect_refused(const ModelProto& m, ErrorCode code, const std::string& words,
                    const ModelLimits& limits = {}) {
  try {
    inline_functions(parse(m), limits);
    ADD_FAILURE() << words;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code);
    EXPECT_THAT(e.what(), HasSubstr(words));
  }
}

TEST(InlineFunctions, CirclesAreRefused) {
  ModelProto m = proto_with_calls();
  call(*add_function(m, "f", {"a"}, {"b"}).mutable_node(), "g", {"a"}, {"b"});
  call(*add_function(m, "g", {"a"}, {"b"}).mutable_node(), "f", {"a"}, {"b"});
  call(*m.mutable_graph()->mutable_node(), "f", {"x"}, {"y"});
  expect_refused(m, ErrorCode::kCorrupt, "functions of the model call each other in a circle: f -> g -> f");
}

// Each function calls the next twice: 2^30 nodes from a file of a few kilobytes.
// Names made for thousands of calls of one name once took time in the square of their number: minutes here.
TEST(InlineFunctions, ManyCallsOfOneNameAreQuick) {
  constexpr int kCalls = 30000;
  ModelProto m = proto_with_calls();
  FunctionProto& f = add_function(m, "twice", {"a"}, {"b"});
  add_node(*f.mutable_node(), "Relu", {"a"}, {"t"});
  add_node(*f.mutable_node(), "Relu", {"t"}, {"b"});
  std::string from = "x";
  for (int i = 0; i < kCalls; ++i) {
    const std::string to = i + 1 == kCalls ? "y" : "v" + std::to_string(i);
    call(*m.mutable_graph()->mutable_node(), "twice", {from.c_str()}, {to.c_str()}).set_name("call");
    from = to;
  }
  EXPECT_EQ(inline_functions(parse(m)).nodes.size(), 2u * kCalls);
}

TEST(InlineFunctions, ExpansionIsBounded) {
  ModelProto m = proto_with_calls();
  for (int i = 0; i < 30; ++i) {
    FunctionProto& f = add_function(m, fmt::format("f{}", i), {"a"}, {"c"});
    call(*f.mutable_node(), fmt::format("f{}", i + 1), {"a"}, {"b"});
    call(*f.mutable_node(), fmt::format("f{}", i + 1), {"b"}, {"c"});
  }
  add_node(*add_function(m, "f30", {"a"}, {"b"}).mutable_node(), "Relu", {"a"}, {"b"});
  call(*m.mutable_graph()->mutable_node(), "f0", {"x"}, {"y"});
  expect_refused(m, ErrorCode::kResourceExhausted, "expand to more than 10000 nodes", {.max_nodes = 10'000});
  expect_refused(m, ErrorCode::kResourceExhausted, "deeper than 8", {.max_call_depth = 8});
}

// Calls copy attributes and names: a thousand of a function with a long list, or with many values, are gigabytes.
TEST(InlineFunctions, WhatCallsCopyIsBounded) {
  ModelLimits limits;
  limits.max_inlined_bytes = 1 << 22;
  ModelProto list = proto_with_calls();
  NodeProto& node = add_node(*add_function(list, "f", {"a"}, {"b"}).mutable_node(), "Slice", {"a"}, {"b"});
  onnx::add_ints(node, "axes", {});
  for (int i = 0; i < 10'000; ++i) node.mutable_attribute(0)->add_ints(i);
  ModelProto values = proto_with_calls();
  NodeProto& split = add_node(*add_function(values, "f", {"a"}, {"b"}).mutable_node(), "Split", {"a"}, {"b"});
  for (int i = 0; i < 1'000; ++i) split.add_output(fmt::format("part{}", i));
  for (ModelProto* m : {&list, &values}) {
    call(*m->mutable_graph()->mutable_node(), "f", {"x"}, {"y"});
    EXPECT_NO_THROW(inline_functions(parse(*m), limits));
    for (int i = 0; i < 1'000; ++i)
      call(*m->mutable_graph()->mutable_node(), "f", {"x"}, {fmt::format("y{}", i).c_str()});
    expect_refused(*m, ErrorCode::kResourceExhausted, "expand to more than 4194304 bytes", limits);
    expect_refused(*m, ErrorCode::kResourceExhausted, "3000000 may be used (SessionOptions::max_bytes",
                   {.max_model_bytes = 3'000'000});
  }
}

TEST(Support, NamesEveryOpThatIsMissing) {
  ModelProto m = proto_with_calls();
  auto& nodes = *m.mutable_graph()->mutable_node();
  add_node(nodes, "Frobnicate", {"x"}, {"a"}).set_name("first");
  add_node(nodes, "Relu", {"a"}, {"b"});
  call(nodes, "nobody", {"b"}, {"y"});
  const Graph g = inline_functions(parse(m));
  const std::vector<Unsupported> parts = unsupported_parts(g);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].op, "Frobnicate");
  EXPECT_EQ(parts[0].node, "first");
  EXPECT_THAT(parts[0].reason, HasSubstr("opset 17"));
  EXPECT_EQ(parts[1].op, "mine.nobody");
  EXPECT_EQ(parts[1].node, "y");
  EXPECT_THROW(check_supported(g), Error);
}

}  // namespace
}  // namespace dunlin
