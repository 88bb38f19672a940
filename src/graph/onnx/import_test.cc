#include "graph/onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "graph/onnx/testing.h"
#include "graph/op.h"

namespace dunlin {
namespace {

using onnx::add_node;
using onnx::add_value;
using onnx::AttributeProto;
using onnx::ModelProto;
using onnx::small_proto;
using onnx::TensorProto;
using testing::ElementsAre;

const char* const kTestData = "/usr/share/libonnx-testdata/data";

Model parse(const ModelProto& proto) { return parse_onnx(as_bytes(proto.SerializeAsString())); }

// Every model of ONNX's own tests is read, or refused for what it holds: strings.
TEST(OnnxImport, ReadsOnnxTestData) {
  int read = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kTestData)) {
    if (entry.path().extension() != ".onnx") continue;
    EXPECT_FALSE(load_onnx(entry.path()).graph.outputs.empty()) << entry.path();
    ++read;
  }
  EXPECT_EQ(read, 1072);  // all of libonnx-testdata 1.12
}

TEST(OnnxImport, NodesAreSortedAndKeepTheirOrderWhereTheyCan) {
  ModelProto m = small_proto();
  auto& nodes = *m.mutable_graph()->mutable_node();
  nodes.Clear();
  add_node(nodes, "Relu", {"c"}, {"y"});
  add_node(nodes, "Neg", {"b"}, {"c"});
  add_node(nodes, "Abs", {"x"}, {"a"});
  add_node(nodes, "Exp", {"x"}, {"b"});
  const Model model = parse(m);
  std::vector<std::string> ops;
  for (const Node& node : model.graph.nodes) ops.push_back(node.op);
  EXPECT_THAT(ops, ElementsAre("Abs", "Exp", "Neg", "Relu"));
}

TEST(OnnxImport, OldFilesListInitialisersAsInputs) {
  ModelProto m = small_proto();
  m.set_ir_version(3);
  add_value(*m.mutable_graph()->mutable_input(), "w", {2});
  const Model model = parse(m);
  EXPECT_THAT(model.graph.inputs, ElementsAre(model.graph.find("x")));
  EXPECT_NE(model.graph.initializer(model.graph.find("w")), nullptr);
}

TEST(OnnxImport, KeepsWhatDescribesTheModel) {
  ModelProto m = small_proto();
  m.set_producer_name("p");
  m.set_doc_string("model doc");
  m.mutable_graph()->set_doc_string("graph doc");
  m.mutable_graph()->mutable_node(0)->set_doc_string("node doc");
  m.add_metadata_props()->set_key("task");
  m.mutable_metadata_props(0)->set_value("digits");
  auto& shape = *m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.add_dim()->set_dim_param("batch");
  shape.add_dim();
  shape.add_dim()->set_dim_param("batch");
  const Model model = parse(m);
  EXPECT_EQ(model.producer_name, "p");
  EXPECT_EQ(model.doc_string, "model doc");
  EXPECT_EQ(model.graph.doc_string, "graph doc");
  EXPECT_EQ(model.graph.nodes[0].doc_string, "node doc");
  EXPECT_EQ(model.metadata.at("task"), "digits");
  EXPECT_EQ(*model.graph.type(model.graph.inputs[0]).shape, (Shape{2, -2, kUnknownDim, -2}));
  EXPECT_THAT(model.graph.symbols, ElementsAre("batch"));
}

/// The tensor of an initialiser made by `edit`, as doubles.
template <typename Edit>
std::vector<double> read_tensor(int type, int64_t dim, const Edit& edit) {
  ModelProto m = small_proto();
  TensorProto& t = *m.mutable_graph()->add_initializer();
  t.set_name("t0");
  t.set_data_type(type);
  t.add_dims(dim);
  edit(t);
  const Model model = parse(m);
  const Tensor& tensor = *model.graph.initializer(model.graph.find("t0"));
  EXPECT_EQ(tensor.format()->onnx_type, type);
  std::vector<double> out;
  for_format(tensor.format(), [&]<typename T>() {
    for (const T& v : tensor.values<T>()) out.push_back(static_cast<double>(static_cast<ComputeType<T>>(v)));
  });
  return out;
}

TEST(OnnxImport, EveryTypedField) {
  const auto ints = [](TensorProto& t) {
    for (int v : {1, 0, 100}) t.add_int32_data(v);
  };
  for (int type : {2, 3, 4, 5, 6})  // UINT8, INT8, UINT16, INT16, INT32
    EXPECT_THAT(read_tensor(type, 3, ints), ElementsAre(1, 0, 100)) << type;
  EXPECT_THAT(read_tensor(9, 3, ints), ElementsAre(1, 0, 1));  // BOOL
  EXPECT_THAT(read_tensor(3, 1, [](TensorProto& t) { t.add_int32_data(-5); }), ElementsAre(-5));
  EXPECT_THAT(read_tensor(10, 2, [](TensorProto& t) { t.add_int32_data(0x3c00), t.add_int32_data(0xc000); }),
              ElementsAre(1, -2));  // FLOAT16, as bits
  EXPECT_THAT(read_tensor(16, 2, [](TensorProto& t) { t.add_int32_data(0x3f80), t.add_int32_data(0xc000); }),
              ElementsAre(1, -2));  // BFLOAT16
  EXPECT_THAT(read_tensor(1, 1, [](TensorProto& t) { t.add_float_data(1.5f); }), ElementsAre(1.5));
  EXPECT_THAT(read_tensor(11, 1, [](TensorProto& t) { t.add_double_data(1.5); }), ElementsAre(1.5));
  EXPECT_THAT(read_tensor(7, 1, [](TensorProto& t) { t.add_int64_data(-3); }), ElementsAre(-3));
  EXPECT_THAT(read_tensor(12, 1, [](TensorProto& t) { t.add_uint64_data(4294967295u); }),
              ElementsAre(4294967295.0));
  EXPECT_THAT(read_tensor(13, 1, [](TensorProto& t) { t.add_uint64_data(3); }), ElementsAre(3));
  EXPECT_THAT(read_tensor(9, 3, [](TensorProto& t) { t.set_raw_data(std::string("\x01\x00\xff", 3)); }),
              ElementsAre(1, 0, 1));
  EXPECT_THAT(read_tensor(1, 0, [](TensorProto&) {}), ElementsAre());
}

TEST(OnnxImport, BigRawDataAreTakenOverNotCopied) {
  const std::string bytes(1 << 20, '\1');
  EXPECT_EQ(read_tensor(2, 1 << 20, [&](TensorProto& t) { t.set_raw_data(bytes); }).size(), bytes.size());
}

TEST(OnnxImport, SubgraphsCaptureByName) {
  // if c: y = x + w   else: y = if c: x
  ModelProto m = small_proto();
  add_value(*m.mutable_graph()->mutable_input(), "c", {}, 9);
  auto& dim = *m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  dim.add_dim()->set_dim_param("N");
  auto& nodes = *m.mutable_graph()->mutable_node();
  nodes.Clear();
  const auto add_branch = [](onnx::NodeProto& node, const char* name) -> onnx::GraphProto& {
    AttributeProto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(AttributeProto::GRAPH);
    return *a.mutable_g();
  };
  onnx::NodeProto& outer = add_node(nodes, "If", {"c"}, {"y"});
  onnx::GraphProto& yes = add_branch(outer, "then_branch");
  add_node(*yes.mutable_node(), "Add", {"x", "w"}, {"sum"});
  yes.add_output()->set_name("sum");
  onnx::GraphProto& no = add_branch(outer, "else_branch");
  onnx::NodeProto& inner = add_node(*no.mutable_node(), "If", {"c"}, {"inner"});
  no.add_output()->set_name("inner");
  for (const char* branch : {"then_branch", "else_branch"}) {
    onnx::GraphProto& deepest = add_branch(inner, branch);
    add_node(*deepest.mutable_node(), "Identity", {"x"}, {std::string(branch) == "then_branch" ? "p" : "q"});
    deepest.add_output()->set_name(deepest.node(0).output(0));
  }
  const Model model = parse(m);
  const Node& node = model.graph.nodes.at(0);
  const auto names = [](const Graph& g) {
    std::vector<std::string> out;
    for (ValueId v : g.captured) out.push_back(g.value_name(v));
    return out;
  };
  const Graph& then_graph = **find_attribute<GraphPtr>(node, "then_branch");
  EXPECT_THAT(names(then_graph), ElementsAre("x", "w"));
  // The dimension's name is one of this graph's own.
  EXPECT_THAT(then_graph.symbols, ElementsAre("N"));
  EXPECT_EQ(*then_graph.type(then_graph.captured[0]).shape, (Shape{2, -2}));
  const Graph& else_graph = **find_attribute<GraphPtr>(node, "else_branch");
  EXPECT_THAT(names(else_graph), ElementsAre("c", "x"));  // x for the graphs inside it
}

TEST(OnnxImport, AttributesOfEveryType) {
  ModelProto m = small_proto();
  onnx::NodeProto& node = *m.mutable_graph()->mutable_node(0);
  const auto add = [&](const char* name, AttributeProto::AttributeType type) -> AttributeProto& {
    AttributeProto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(type);
    return a;
  };
  add("f", AttributeProto::FLOAT).set_f(1.5f);
  add("i", AttributeProto::INT).set_i(-7);
  add("s", AttributeProto::STRING).set_s("text");
  add("fs", AttributeProto::FLOATS).add_floats(2.5f);
  add("is", AttributeProto::INTS).add_ints(9);
  add("none", AttributeProto::INTS);
  add("ss", AttributeProto::STRINGS).add_strings("a");
  add("untyped", AttributeProto::UNDEFINED).add_ints(3);  // IR version 1
  TensorProto& t = *add("t", AttributeProto::TENSOR).mutable_t();
  t.set_data_type(7);
  t.add_int64_data(11);
  const Node n = parse(m).graph.nodes[0];
  EXPECT_EQ(*find_attribute<float>(n, "f"), 1.5f);
  EXPECT_EQ(*find_attribute<int64_t>(n, "i"), -7);
  EXPECT_EQ(*find_attribute<std::string>(n, "s"), "text");
  EXPECT_THAT(*find_attribute<std::vector<float>>(n, "fs"), ElementsAre(2.5f));
  EXPECT_THAT(*find_attribute<std::vector<int64_t>>(n, "is"), ElementsAre(9));
  EXPECT_THAT(*find_attribute<std::vector<int64_t>>(n, "none"), ElementsAre());
  EXPECT_THAT(*find_attribute<std::vector<std::string>>(n, "ss"), ElementsAre("a"));
  EXPECT_THAT(*find_attribute<std::vector<int64_t>>(n, "untyped"), ElementsAre(3));
  EXPECT_EQ((*find_attribute<TensorPtr>(n, "t"))->values<int64_t>()[0], 11);
}

}  // namespace
}  // namespace dunlin
