// If, Loop and Scan: what they compute, what inference says of them, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/autodiff/differentiate.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/onnx/testing.h"

namespace dunlin {
namespace {

using onnx::add_graph;
using onnx::add_int;
using onnx::add_ints;
using onnx::add_node;
using onnx::add_tensor;
using onnx::add_value;
using onnx::empty_proto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kF32 = 1, kI64 = 7, kBool = 9;

Graph parse(const ModelProto& m) { return parse_onnx(as_bytes(m.SerializeAsString())).graph; }

std::vector<float> floats(const Tensor& t) { return {t.values<float>().begin(), t.values<float>().end()}; }

std::vector<Tensor> run(const Graph& g, std::vector<Tensor> in, const RunContext& context = {}) {
  return evaluate(g, in, context);
}

template <typename F>
void expect_error(ErrorCode code, const std::string& words, const F& f) {
  try {
    f();
    ADD_FAILURE() << "no error; expected: " << words;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), HasSubstr(words));
  }
}

std::vector<Tensor> list(Tensor a) {
  std::vector<Tensor> out;
  out.push_back(std::move(a));
  return out;
}

Tensor scalar(int64_t v) { return Tensor::of<int64_t>({}, {v}); }
Tensor flag(bool v) { return Tensor::of<bool>({}, {v}); }

/// y = c ? x + w : x * x, with w: f32[2] = {1, -2}; c is an input, or known.
ModelProto if_proto(std::optional<bool> known) {
  ModelProto m = onnx::small_proto();
  GraphProto& g = *m.mutable_graph();
  g.clear_node();
  if (known)
    add_tensor<bool>(g, "c", kBool, {}, {*known});
  else
    add_value(*g.mutable_input(), "c", {}, kBool);
  NodeProto& node = add_node(*g.mutable_node(), "If", {"c"}, {"y"});
  node.set_name("choice");
  GraphProto& yes = add_graph(node, "then_branch");
  add_node(*yes.mutable_node(), "Add", {"x", "w"}, {"t"});
  yes.add_output()->set_name("t");
  GraphProto& no = add_graph(node, "else_branch");
  add_node(*no.mutable_node(), "Mul", {"x", "x"}, {"e"});
  no.add_output()->set_name("e");
  return m;
}

TEST(If, TakesTheBranchOfItsCondition) {
  const Graph g = parse(if_proto(std::nullopt));
  for (const bool c : {true, false}) {
    std::vector<Tensor> in = list(Tensor::of<float>({2}, {3, 4}));
    in.push_back(flag(c));
    EXPECT_EQ(floats(run(g, std::move(in))[0]), c ? (std::vector<float>{4, 2}) : (std::vector<float>{9, 16}));
  }
  EXPECT_EQ(*infer_and_fold(g).type(g.outputs[0]).shape, Shape{2});
}

TEST(If, OfAKnownConditionIsItsBranch) {
  for (const bool c : {true, false}) {
    const Graph g = infer_and_fold(parse(if_proto(c)));
    ASSERT_EQ(g.nodes.size(), 1u);
    EXPECT_EQ(g.nodes[0].op, c ? "Add" : "Mul");
    const auto out = run(g, list(Tensor::of<float>({2}, {3, 4})));
    EXPECT_EQ(floats(out[0]), c ? (std::vector<float>{4, 2}) : (std::vector<float>{9, 16}));
  }
}

// The branch gives what it captures, what it holds itself, and one value twice.
TEST(If, BranchesWithoutNodesAreCopied) {
  ModelProto m = if_proto(true);
  NodeProto& node = *m.mutable_graph()->mutable_node(0);
  GraphProto& yes = *node.mutable_attribute(0)->mutable_g();
  yes.clear_node();
  yes.clear_output();
  add_tensor<float>(yes, "own", kF32, {2}, {7, 8});
  for (const char* name : {"x", "own", "own"}) yes.add_output()->set_name(name);
  for (const char* name : {"y2", "y3"}) {
    node.add_output(name);
    add_value(*m.mutable_graph()->mutable_output(), name, {2});
    node.mutable_attribute(1)->mutable_g()->add_output()->set_name("e");
  }
  for (const Graph& g : {parse(m), infer_and_fold(parse(m))}) {
    const auto out = run(g, list(Tensor::of<float>({2}, {3, 4})));
    EXPECT_EQ(floats(out[0]), (std::vector<float>{3, 4}));
    EXPECT_EQ(floats(out[1]), (std::vector<float>{7, 8}));
    EXPECT_EQ(floats(out[2]), (std::vector<float>{7, 8}));
  }
}

TEST(If, TypesOfBranchesAreMergedOrRefused) {
  ModelProto m = if_proto(std::nullopt);
  GraphProto& no = *m.mutable_graph()->mutable_node(0)->mutable_attribute(1)->mutable_g();
  add_tensor<float>(no, "three", kF32, {3}, {1, 2, 3});
  no.mutable_output(0)->set_name("three");
  Graph g = parse(m);
  EXPECT_EQ(*infer_and_fold(g).type(g.outputs[0]).shape, Shape{kUnknownDim});
  add_tensor<int64_t>(no, "whole", kI64, {2}, {1, 2});
  no.mutable_output(0)->set_name("whole");
  expect_error(ErrorCode::kInvalidArgument,
               "If \"choice\": output 0 is f32[2] in then_branch, i64[2] in else_branch",
               [&] { infer_and_fold(parse(m)); });
}

TEST(If, WrongFormsAreRefused) {
  const auto refused = [](const std::string& words, auto edit) {
    ModelProto m = if_proto(std::nullopt);
    edit(*m.mutable_graph()->mutable_node(0));
    std::vector<Tensor> in = list(Tensor::of<float>({2}, {3, 4}));
    in.push_back(flag(true));
    expect_error(ErrorCode::kInvalidArgument, words, [&] { infer_and_fold(parse(m)); });
    expect_error(ErrorCode::kInvalidArgument, words, [&] { run(parse(m), std::move(in)); });
  };
  refused("If \"choice\": then_branch has 2 outputs, the node has 1",
          [](NodeProto& n) { n.mutable_attribute(0)->mutable_g()->add_output()->set_name("t"); });
  refused("If \"choice\": then_branch has 1 inputs, none are expected",
          [](NodeProto& n) { n.mutable_attribute(0)->mutable_g()->add_input()->set_name("z"); });
  refused("If \"choice\": the subgraph then_branch is missing",
          [](NodeProto& n) { n.mutable_attribute(0)->set_name("body"); });
  refused("If \"choice\": has 2 inputs", [](NodeProto& n) { n.add_input("x"); });
  refused("If \"choice\": has 0 inputs", [](NodeProto& n) { n.clear_input(); });
  refused("If \"choice\": input 0 is missing", [](NodeProto& n) { n.set_input(0, ""); });
  refused("Relu \"choice\": attribute", [](NodeProto& n) {
    n.set_op_type("Relu");
    n.set_input(0, "x");
  });
  // Names that nothing makes, and a branch that reads what the node itself makes.
  ModelProto m = if_proto(std::nullopt);
  auto& add = *m.mutable_graph()->mutable_node(0)->mutable_attribute(0)->mutable_g()->mutable_node(0);
  add.set_input(0, "nowhere");
  expect_error(ErrorCode::kCorrupt, "input \"nowhere\" is made by no node", [&] { parse(m); });
  add.set_input(0, "y");
  expect_error(ErrorCode::kCorrupt, "the graph has a cycle", [&] { parse(m); });
}

TEST(If, NoWeightIsTrainedThroughIt) {
  ModelProto m = if_proto(std::nullopt);
  add_node(*m.mutable_graph()->mutable_node(), "ReduceSum", {"y"}, {"loss"});
  Graph g = infer_and_fold(parse(m));
  const ValueId w[] = {g.find("w")};
  g.values[static_cast<size_t>(g.find("loss"))].type = {.format = &formats::kF32, .shape = Shape{1}};
  expect_error(ErrorCode::kUnsupported,
               "cannot train through If \"choice\": the op If has no gradient (path: weight \"w\" -> If",
               [&] { differentiate(g, g.find("loss"), w); });
  m = if_proto(true);
  add_node(*m.mutable_graph()->mutable_node(), "ReduceSum", {"y"}, {"loss"});
  InferOptions options;
  Graph known = parse(m);
  options.variable = {known.find("w")};
  known = infer_and_fold(known, options);
  const ValueId same[] = {known.find("w")};
  EXPECT_NE(differentiate(known, known.find("loss"), same).gradients[0], kNoValue);
}

// Deeper than files may nest, as functions of a model could make it.
TEST(If, NestsOnlySoDeep) {
  const auto chain = [](int depth) {
    auto leaf = std::make_shared<Graph>();
    leaf->opsets[""] = 17;
    leaf->outputs = {leaf->add_initializer("v", std::make_shared<Tensor>(Tensor::of<float>({}, {1})))};
    GraphPtr inner = leaf;
    for (int i = 0; i < depth; ++i) {
      auto outer = std::make_shared<Graph>();
      outer->opsets[""] = 17;
      const ValueId c = outer->add_value("c", {.format = &formats::kBool, .shape = Shape{}});
      const ValueId y = outer->add_value("y");
      outer->outputs = {y};
      outer->nodes.push_back({.op = "If",
                              .domain = "",
                              .name = "deep",
                              .attributes = {{"else_branch", GraphPtr(leaf)}, {"then_branch", inner}},
                              .inputs = {c},
                              .outputs = {y}});
      if (!inner->captured.empty()) outer->nodes[0].inputs.push_back(c);
      (i + 1 < depth ? outer->captured : outer->inputs) = {c};
      inner = outer;
    }
    return inner;
  };
  const Graph g = infer_and_fold(*chain(kMaxBodyDepth));
  EXPECT_EQ(to_string(g.type(g.outputs[0])), "f32[]");
  expect_error(ErrorCode::kResourceExhausted, "subgraphs are nested deeper than 64",
               [&] { infer_and_fold(*chain(kMaxBodyDepth + 5)); });
}

/// A loop with its trip count "n", condition "c" and state "s"; the body's inputs are i, going, state.
struct LoopProto {
  ModelProto m = empty_proto();
  NodeProto* node;
  GraphProto* body;

  explicit LoopProto(std::initializer_list<int64_t> state = {1}) {
    GraphProto& g = *m.mutable_graph();
    add_value(*g.mutable_input(), "n", {}, kI64);
    add_value(*g.mutable_input(), "c", {}, kBool);
    add_value(*g.mutable_input(), "s", state);
    node = &add_node(*g.mutable_node(), "Loop", {"n", "c", "s"}, {"end"});
    node->set_name("loop");
    body = &add_graph(*node, "body");
    add_value(*body->mutable_input(), "i", {}, kI64);
    add_value(*body->mutable_input(), "going", {}, kBool);
    body->add_input()->set_name("state");
    add_node(*body->mutable_node(), "Identity", {"going"}, {"go_on"});
    body->add_output()->set_name("go_on");
    g.add_output()->set_name("end");
  }
  std::vector<Tensor> run(int64_t n, bool c, Tensor s, const RunContext& context = {}) const {
    std::vector<Tensor> in;
    in.push_back(scalar(n));
    in.push_back(flag(c));
    in.push_back(std::move(s));
    return evaluate(parse(m), in, context);
  }
};

TEST(Loop, StateMayGrow) {
  LoopProto loop;
  add_int(add_node(*loop.body->mutable_node(), "Concat", {"state", "state"}, {"next"}), "axis", 0);
  loop.body->add_output()->set_name("next");
  EXPECT_EQ(loop.run(5, true, Tensor::of<float>({1}, {2}))[0].num_elements(), 32);
  EXPECT_EQ(loop.run(0, true, Tensor::of<float>({1}, {2}))[0].num_elements(), 1);
  EXPECT_EQ(loop.run(5, false, Tensor::of<float>({1}, {2}))[0].num_elements(), 1);
  EXPECT_EQ(loop.run(-3, true, Tensor::of<float>({1}, {2}))[0].num_elements(), 1);
  const Graph g = infer_and_fold(parse(loop.m));
  EXPECT_EQ(to_string(g.type(g.outputs[0])), "f32[?]");
  // 2^40 floats are refused long before.
  expect_error(ErrorCode::kResourceExhausted, "are left for this run",
               [&] { loop.run(40, true, Tensor::of<float>({1}, {2}), {.max_bytes = 1 << 20}); });
}

/// Adds i to the state, keeps it in "all", and stops when it is 6 or more.
LoopProto summing() {
  LoopProto loop({});
  auto& nodes = *loop.body->mutable_node();
  nodes.Clear();
  add_int(add_node(nodes, "Cast", {"i"}, {"i_f"}), "to", 1);
  add_node(nodes, "Add", {"state", "i_f"}, {"next"});
  add_tensor<float>(*loop.body, "six", kF32, {}, {6});
  add_node(nodes, "Less", {"next", "six"}, {"go_on"});
  loop.body->add_output()->set_name("next");
  loop.body->add_output()->set_name("next");
  loop.node->add_output("all");
  loop.m.mutable_graph()->add_output()->set_name("all");
  return loop;
}

TEST(Loop, StopsByItselfAndCollects) {
  const LoopProto loop = summing();
  auto out = loop.run(100, true, Tensor::of<float>({}, {0}));
  EXPECT_EQ(floats(out[0]), (std::vector<float>{6}));
  EXPECT_EQ(floats(out[1]), (std::vector<float>{0, 1, 3, 6}));
  out = loop.run(2, true, Tensor::of<float>({}, {0}));
  EXPECT_EQ(floats(out[1]), (std::vector<float>{0, 1}));
  out = loop.run(0, true, Tensor::of<float>({}, {0}));
  EXPECT_EQ(to_string(out[1].shape()), "[0]");
  const Graph g = infer_and_fold(parse(loop.m));
  EXPECT_EQ(to_string(g.type(g.outputs[0])), "f32[]");
  EXPECT_EQ(to_string(g.type(g.outputs[1])), "f32[?]");
}

/// The type of what a loop collects whose trip count and condition are constants.
std::string collected(const LoopProto& loop, int64_t trips, bool going) {
  Graph g = parse(loop.m);
  g.initializers[g.inputs[0]] = std::make_shared<Tensor>(Tensor::of<int64_t>({}, {trips}));
  g.initializers[g.inputs[1]] = std::make_shared<Tensor>(Tensor::of<bool>({}, {going}));
  g.inputs.erase(g.inputs.begin(), g.inputs.begin() + 2);
  g = infer_and_fold(std::move(g));
  return to_string(g.type(g.outputs[1]));
}

TEST(Loop, AKnownTripCountIsTheLengthOfWhatItCollects) {
  LoopProto loop({3});
  add_node(*loop.body->mutable_node(), "Identity", {"state"}, {"next"});
  loop.body->add_output()->set_name("next");
  loop.body->add_output()->set_name("next");
  loop.node->add_output("all");
  loop.m.mutable_graph()->add_output()->set_name("all");
  EXPECT_EQ(collected(loop, 4, true), "f32[4,3]");
  EXPECT_EQ(collected(loop, -2, true), "f32[0,3]");
  EXPECT_EQ(collected(loop, 4, false), "f32[?,3]");
  EXPECT_EQ(collected(loop, INT64_MAX, true), "f32[?,3]");
  EXPECT_EQ(collected(summing(), 100, true), "f32[?]") << "it stops by itself";
}

TEST(Loop, EndlessOnesAreStopped) {
  LoopProto loop;
  add_node(*loop.body->mutable_node(), "Identity", {"state"}, {"next"});
  loop.body->add_output()->set_name("next");
  expect_error(
      ErrorCode::kResourceExhausted, "Loop \"loop\": the loops of this run took the 1000 iterations",
      [&] { loop.run(int64_t{1} << 62, true, Tensor::of<float>({1}, {2}), {.max_iterations = 1000}); });
  // Loops in loops count together: 40 * 40.
  LoopProto outer;
  NodeProto& inner = add_node(*outer.body->mutable_node(), "Loop", {"n", "c", "state"}, {"next"});
  *inner.add_attribute() = loop.node->attribute(0);
  GraphProto& g = *inner.mutable_attribute(0)->mutable_g();
  g.mutable_input(0)->set_name("i2");
  g.mutable_input(1)->set_name("going2");
  g.mutable_input(2)->set_name("state2");
  g.mutable_node(0)->set_input(0, "going2");
  g.mutable_node(0)->set_output(0, "go_on2");
  g.mutable_node(1)->set_input(0, "state2");
  g.mutable_node(1)->set_output(0, "next2");
  g.mutable_output(0)->set_name("go_on2");
  g.mutable_output(1)->set_name("next2");
  outer.body->add_output()->set_name("next");
  EXPECT_NO_THROW(outer.run(30, true, Tensor::of<float>({1}, {2}), {.max_iterations = 1000}));
  expect_error(ErrorCode::kResourceExhausted, "the loops of this run took the 1000 iterations",
               [&] { outer.run(40, true, Tensor::of<float>({1}, {2}), {.max_iterations = 1000}); });
}

TEST(Loop, WhatItCollectsCountsAgainstTheRunsMemory) {
  LoopProto loop({1000});
  add_node(*loop.body->mutable_node(), "Identity", {"state"}, {"next"});
  loop.body->add_output()->set_name("next");
  loop.body->add_output()->set_name("next");
  loop.node->add_output("all");
  EXPECT_NO_THROW(loop.run(100, true, Tensor(&formats::kF32, {1000}), {.max_bytes = 1'000'000}));
  expect_error(ErrorCode::kResourceExhausted, "are left for this run",
               [&] { loop.run(1000, true, Tensor(&formats::kF32, {1000}), {.max_bytes = 1'000'000}); });
}

TEST(Loop, WrongFormsAreRefused) {
  const auto refused = [](const std::string& words, auto edit) {
    LoopProto loop;
    loop.body->add_output()->set_name("state");
    edit(loop);
    expect_error(ErrorCode::kInvalidArgument, words, [&] { infer_and_fold(parse(loop.m)); });
    expect_error(ErrorCode::kInvalidArgument, words, [&] { loop.run(2, true, Tensor::of<float>({1}, {2})); });
  };
  refused("Loop \"loop\": its body has 3 inputs, 4 are expected: iteration, condition and 2 of state",
          [](LoopProto& l) { l.node->add_input("s"); });
  refused("Loop \"loop\": its body has 1 outputs, at least 2 are expected",
          [](LoopProto& l) { l.body->mutable_output()->RemoveLast(); });
  refused("Loop \"loop\": has 2 outputs, its body gives 1", [](LoopProto& l) { l.node->add_output("more"); });
  refused("Loop \"loop\": has 1 input, Loop takes 2 or more", [](LoopProto& l) {
    l.node->clear_input();
    l.node->add_input("n");
  });
  LoopProto loop;
  loop.body->add_output()->set_name("i");
  expect_error(ErrorCode::kInvalidArgument,
               "Loop \"loop\": its state 0 is f32[1], and i64[] after an iteration",
               [&] { infer_and_fold(parse(loop.m)); });
  loop.body->mutable_input(2)->mutable_type()->mutable_tensor_type()->set_elem_type(kI64);
  expect_error(ErrorCode::kInvalidArgument, "input \"state\" of body is i64, it is given f32[1]",
               [&] { infer_and_fold(parse(loop.m)); });
}

TEST(Scan, TakesAndMakesPartsAlongAnyAxisInAnyDirection) {
  // state += part; the results are the running sums of x along axis 1, from the back, stacked along axis -1.
  ModelProto m = empty_proto();
  GraphProto& g = *m.mutable_graph();
  add_value(*g.mutable_input(), "s", {2});
  add_value(*g.mutable_input(), "x", {2, 3});
  NodeProto& node = add_node(*g.mutable_node(), "Scan", {"s", "x"}, {"end", "all"});
  GraphProto& body = add_graph(node, "body");
  for (const char* name : {"state", "part"}) body.add_input()->set_name(name);
  add_node(*body.mutable_node(), "Add", {"state", "part"}, {"next"});
  body.add_output()->set_name("next");
  body.add_output()->set_name("next");
  for (const char* name : {"end", "all"}) g.add_output()->set_name(name);
  add_int(node, "num_scan_inputs", 1);
  add_ints(node, "scan_input_axes", {1});
  add_ints(node, "scan_input_directions", {1});
  add_ints(node, "scan_output_axes", {-1});
  add_ints(node, "scan_output_directions", {1});
  const auto in = [] {
    std::vector<Tensor> v = list(Tensor::of<float>({2}, {10, 20}));
    v.push_back(Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
    return v;
  };
  const auto out = run(parse(m), in());
  EXPECT_EQ(floats(out[0]), (std::vector<float>{16, 35}));
  EXPECT_EQ(floats(out[1]), (std::vector<float>{16, 15, 13, 35, 31, 26}));
  const Graph inferred = infer_and_fold(parse(m));
  EXPECT_EQ(to_string(inferred.type(inferred.outputs[0])), "f32[2]");
  EXPECT_EQ(to_string(inferred.type(inferred.outputs[1])), "f32[2,3]");
  node.mutable_attribute(1)->set_i(3);
  expect_error(ErrorCode::kInvalidArgument, "num_scan_inputs is 3, it has 2 inputs",
               [&] { infer_and_fold(parse(m)); });
  node.mutable_attribute(1)->set_i(1);
  node.mutable_attribute(2)->set_ints(0, 2);
  expect_error(ErrorCode::kInvalidArgument, "axis 2 is outside [-2, 2)", [&] { run(parse(m), in()); });
  m.mutable_opset_import(0)->set_version(7);
  expect_error(ErrorCode::kUnsupported, "opset 7 is not supported, Scan is known from opset 8 on",
               [&] { infer_and_fold(parse(m)); });
}

/// state += part, from the back, in opset 8: the inputs lengths (or none), s and x. Two sequences of x in the tests.
ModelProto scan_of_batches(bool with_lengths) {
  ModelProto m = empty_proto(8);
  GraphProto& g = *m.mutable_graph();
  if (with_lengths) add_value(*g.mutable_input(), "lengths", {2}, kI64);
  add_value(*g.mutable_input(), "s", {2, 1});
  add_value(*g.mutable_input(), "x", {2, 3, 1});
  NodeProto& node =
      add_node(*g.mutable_node(), "Scan", {with_lengths ? "lengths" : "", "s", "x"}, {"end", "all"});
  GraphProto& body = add_graph(node, "body");
  for (const char* name : {"state", "part"}) body.add_input()->set_name(name);
  add_node(*body.mutable_node(), "Add", {"state", "part"}, {"next"});
  body.add_output()->set_name("next");
  body.add_output()->set_name("next");
  for (const char* name : {"end", "all"}) g.add_output()->set_name(name);
  add_int(node, "num_scan_inputs", 1);
  add_ints(node, "directions", {1});
  return m;
}

/// x: 1 2 3 and 4 (5 6 lie behind its end).
std::vector<Tensor> batches(std::initializer_list<int64_t> lengths) {
  std::vector<Tensor> v;
  if (lengths.size() > 0) v.push_back(Tensor::of<int64_t>({static_cast<int64_t>(lengths.size())}, lengths));
  v.push_back(Tensor::of<float>({2, 1}, {10, 20}));
  v.push_back(Tensor::of<float>({2, 3, 1}, {1, 2, 3, 4, 5, 6}));
  return v;
}

TEST(Scan, OfBatchesStopsEachSequenceAtItsLength) {
  const ModelProto m = scan_of_batches(true);
  auto out = run(parse(m), batches({3, 1}));
  EXPECT_EQ(floats(out[0]), (std::vector<float>{16, 24}));
  EXPECT_EQ(floats(out[1]), (std::vector<float>{13, 15, 16, 24, 0, 0}));
  const Graph inferred = infer_and_fold(parse(m));
  EXPECT_EQ(to_string(inferred.type(inferred.outputs[0])), "f32[2,1]");
  EXPECT_EQ(to_string(inferred.type(inferred.outputs[1])), "f32[2,3,1]");
  out = run(parse(m), batches({0, 0}));
  EXPECT_EQ(floats(out[0]), (std::vector<float>{10, 20}));
  EXPECT_EQ(floats(out[1]), (std::vector<float>(6, 0)));
  expect_error(ErrorCode::kInvalidArgument, "sequence_lens holds 4, 0 to 3 is expected", [&] {
    run(parse(m), batches({4, 1}));
  });
  EXPECT_EQ(floats(run(parse(scan_of_batches(false)), batches({}))[0]), (std::vector<float>{16, 35}));
}

TEST(Scan, OfBatchesIsRefusedBeforeItTakesTooMuch) {
  // Outputs of 8 and 24 bytes count together before they are made, by the last iteration too.
  const Graph g = parse(scan_of_batches(true));
  EXPECT_NO_THROW(run(g, batches({0, 1}), {.max_bytes = 100}));
  expect_error(ErrorCode::kResourceExhausted, "Scan \"end\": the outputs that it collects take 36 bytes",
               [&] {
                 run(g, batches({0, 1}), {.max_bytes = 30});
               });
  // Sequences without elements take no memory, however many they are.
  const Graph open = parse(scan_of_batches(false));
  constexpr int64_t kMany = int64_t{1} << 40;
  for (const Shape& x : {Shape{kMany, 3, 0}, Shape{kMany, 0, 1}})
    expect_error(ErrorCode::kResourceExhausted, "took the 1000 iterations that they may", [&] {
      std::vector<Tensor> in = list(Tensor(&formats::kF32, {kMany, 0}));
      in.emplace_back(&formats::kF32, x);
      run(open, std::move(in), {.max_iterations = 1000});
    });
}

// Captures stand among a node's inputs and are written by name.
TEST(ControlFlow, ExportNamesWhatASubgraphCaptures) {
  Model model = parse_onnx(as_bytes(if_proto(std::nullopt).SerializeAsString()));
  const ValueId x = model.graph.find("x");
  EXPECT_THAT(model.graph.nodes[0].inputs, ElementsAre(model.graph.find("c"), x, x, model.graph.find("w")));
  model.graph.values[static_cast<size_t>(x)].name = "renamed";
  const Model again = parse_onnx(serialize_onnx(model));
  EXPECT_THAT(again.graph.nodes[0].inputs, ElementsAre(again.graph.find("c"), again.graph.find("renamed"),
                                                       again.graph.find("renamed"), again.graph.find("w")));
}

}  // namespace
}  // namespace dunlin
