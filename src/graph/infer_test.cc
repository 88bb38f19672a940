#include "graph/infer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

/// What inference says of a node "n" whose inputs have these shapes; the last holds i64.
std::string refusal(std::string op, const std::vector<Shape>& shapes, const Tensor& last,
                    Attributes attributes = {}) {
  Graph g;
  g.opsets[""] = kNewestOpset;
  Node node{.op = std::move(op),
            .domain = "",
            .name = "n",
            .attributes = std::move(attributes),
            .inputs = {},
            .outputs = {g.add_value("y")}};
  std::vector<Type> types;
  std::vector<const Tensor*> constants;
  for (const Shape& s : shapes) {
    types.push_back({.format = &formats::kF32, .shape = s});
    constants.push_back(nullptr);
  }
  if (last) {
    types.push_back({.format = last.format(), .shape = last.shape()});
    constants.push_back(&last);
  }
  for (size_t i = 0; i < types.size(); ++i)
    node.inputs.push_back(g.add_value(fmt::format("x{}", i), types[i]));
  try {
    infer_node(g, node, types, constants);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// What is thrown far below, where no node is known, names it; what names one already names no other.
TEST(Infer, AnErrorNamesItsNodeOnce) {
  const Tensor none, rest = Tensor::of<int64_t>({1}, {-1});
  EXPECT_TRUE(refusal("Reshape", {{int64_t{1} << 40, int64_t{1} << 40}}, rest)
                  .starts_with("Reshape \"n\": shape [1099511627776,1099511627776]"));
  EXPECT_EQ(refusal("Softmax", {{3}}, none, {{"axis", 0.5f}}), "Softmax \"n\": attribute axis is not an int");
  EXPECT_EQ(refusal("Softmax", {{3}}, none, {{"axis", int64_t{1}}}),
            "Softmax \"n\": axis 1 is outside [-1, 1)");
}

// A file of a few hundred bytes can ask for any number of folded gigabytes.
TEST(Infer, FoldsNoMoreThanItsBudget) {
  Graph g;
  g.opsets[""] = kNewestOpset;
  const ValueId shape =
      g.add_initializer("shape", std::make_shared<Tensor>(Tensor::of<int64_t>({1}, {150})));  // 600 bytes
  for (int i = 0; i < 3; ++i) {
    const ValueId out = g.add_value(fmt::format("y{}", i));
    g.nodes.push_back({.op = "ConstantOfShape",
                       .domain = "",
                       .name = "",
                       .attributes = {},
                       .inputs = {shape},
                       .outputs = {out}});
    g.outputs.push_back(out);
  }
  InferOptions options;
  options.folding.max_bytes = 1300;
  const Graph folded = infer_and_fold(g, options);
  EXPECT_EQ(folded.nodes.size(), 1u);
  EXPECT_NE(folded.initializer(folded.outputs[1]), nullptr);
  EXPECT_EQ(folded.initializer(folded.outputs[2]), nullptr);
  EXPECT_EQ(*folded.type(folded.outputs[2]).shape, Shape{150});
}

// y = x + a b + wide + a^T: 512 multiplications, 256 bytes out of 20, 256 out of 256.
TEST(Infer, EachLimitLeavesTheNodesThatAreBeyondIt) {
  GraphBuilder b;
  const ValueId a = b.weight({8, 8}), x = b.input({8, 8});
  const ValueId product = b.node("MatMul", {a, b.weight({8, 8})});
  const ValueId wide = b.node("Expand", {b.scalar(2), b.ints({8, 8})});
  const ValueId turned = b.node("Transpose", {a});
  b.g.outputs = {b.node("Add", {b.node("Add", {b.node("Add", {x, product}), wide}), turned})};
  const auto left = [&](const FoldingLimits& limits) {
    InferOptions options;
    options.folding = limits;
    const Graph after = infer_and_fold(b.g, options);
    expect_same_results(b.g, after, 0);
    std::vector<std::string> names = ops(after);
    std::erase(names, "Add");
    return names;
  };
  EXPECT_THAT(left({}), ElementsAre());
  EXPECT_THAT(left({.max_bytes = 255}), ElementsAre("MatMul", "Expand", "Transpose"));
  EXPECT_THAT(left({.max_bytes = 256}), ElementsAre("Expand", "Transpose"));
  EXPECT_THAT(left({.max_grown_bytes = 255}), ElementsAre("Expand"));
  EXPECT_THAT(left({.max_grown_bytes = 256}), ElementsAre());
  EXPECT_THAT(left({.max_node_macs = 511}), ElementsAre("MatMul"));
  EXPECT_THAT(left({.max_node_macs = 512}), ElementsAre());
  // 768 bytes and 512 multiplications for the product, then 276 and 512 bytes.
  EXPECT_THAT(left({.max_work = 1279}), ElementsAre("MatMul"));
  EXPECT_THAT(left({.max_work = 1280}), ElementsAre("Expand", "Transpose"));
  EXPECT_THAT(left({.max_work = 1280 + 276}), ElementsAre("Transpose"));
}

TEST(RemoveDead, WhatNoOutputNeedsIsGone) {
  GraphBuilder b;
  const ValueId x = b.input({4}), unread = b.input({4});
  b.node("Log", {b.node("Exp", {x})});
  b.node("Add", {unread, b.weight({4})});
  const ValueId live = b.weight({2});
  const ValueId half = b.node("Split", {x, b.ints({2, 2})});  // of two outputs the second is read
  const ValueId other = b.g.add_value("other");
  b.g.nodes.back().outputs = {half, other};
  b.g.outputs = {b.node("Add", {other, live})};
  const Graph after = remove_dead(b.g);
  EXPECT_THAT(ops(after), ElementsAre("Split", "Add"));
  EXPECT_EQ(after.initializers.size(), 2u);
  EXPECT_NE(after.initializer(live), nullptr);
  EXPECT_EQ(after.inputs, b.g.inputs) << "a caller still gives them";
  expect_same_results(b.g, after, 0);
  EXPECT_EQ(ops(remove_dead(after)), ops(after));
}

TEST(RemoveDead, WhatASubgraphCapturesStays) {
  GraphBuilder b;
  const ValueId x = b.input({4}), kept = b.node("Neg", {x});
  b.node("Abs", {x});
  Graph branch;
  branch.opsets = b.g.opsets;
  branch.captured =
      branch.outputs = {branch.add_value("captured", {.format = &formats::kF32, .shape = Shape{4}})};
  const auto shared = std::make_shared<const Graph>(std::move(branch));
  const ValueId condition = b.constant(Tensor::of<bool>({}, {true})), y = b.g.add_value("y");
  b.g.nodes.push_back({.op = "If",
                       .name = "choice",
                       .attributes = {{"else_branch", shared}, {"then_branch", shared}},
                       .inputs = {condition, kept, kept},
                       .outputs = {y}});
  b.g.outputs = {y};
  const Graph after = remove_dead(b.g);
  EXPECT_THAT(ops(after), ElementsAre("Neg", "If"));
  expect_same_results(b.g, after, 0);
}

/// As exporters write x.reshape(x.shape[0], 4, -1).expand(...): shapes from the batch, which stays open.
TEST(Infer, FollowsTheBatchThroughShapeArithmetic) {
  Graph g;
  g.opsets[""] = 17;
  g.symbols = {"N"};
  const ValueId x = g.add_value("x", {.format = &formats::kF32, .shape = Shape{-2, 1, 6, 8}});
  g.inputs = {x};
  const auto ints = [&](std::vector<int64_t> v) {
    return g.add_initializer(g.unused_name("c"),
                             std::make_shared<Tensor>(Tensor::of<int64_t>({static_cast<int64_t>(v.size())},
                                                                          std::span<const int64_t>(v))));
  };
  const auto node = [&](std::string op, std::vector<ValueId> in, Attributes attributes = {}) {
    const ValueId out = g.add_value(g.unused_name(op));
    g.nodes.push_back({.op = op,
                       .domain = "",
                       .name = "",
                       .attributes = std::move(attributes),
                       .inputs = std::move(in),
                       .outputs = {out}});
    return out;
  };
  const ValueId batch = node("Gather", {node("Shape", {x}), ints({0})});
  const ValueId heads = node("Mul", {batch, ints({4})});
  const ValueId tokens = node("Reshape", {x, node("Concat", {batch, ints({4, -1})}, {{"axis", int64_t{0}}})});
  const ValueId split =
      node("Reshape", {tokens, node("Concat", {heads, ints({12})}, {{"axis", int64_t{0}}})});
  const ValueId joined =
      node("Reshape", {split, node("Concat", {batch, ints({4, 12})}, {{"axis", int64_t{0}}})});
  // expand(N, -1, -1) of a [1,1,12]: where the wanted size is -1, 1.
  const ValueId wanted = node("Concat", {batch, ints({-1, -1})}, {{"axis", int64_t{0}}});
  const ValueId ones = node("ConstantOfShape", {ints({3})},
                            {{"value", std::make_shared<const Tensor>(Tensor::of<int64_t>({1}, {1}))}});
  const ValueId minus = node("Mul", {ones, ints({-1})});
  const ValueId sizes = node("Where", {node("Equal", {wanted, minus}), ones, wanted});
  const ValueId token = g.add_initializer("token", std::make_shared<Tensor>(&formats::kF32, Shape{1, 1, 12}));
  const ValueId tokens_too = node("Concat", {node("Expand", {token, sizes}), tokens}, {{"axis", int64_t{1}}});
  // As interpolate(y, size=x.shape[2:]) is written; and by scales, where the batch is not scaled.
  const auto slice = [&](ValueId v, int64_t from, int64_t to) {
    return node("Slice", {node("Shape", {v}), ints({from}), ints({to}), ints({0})});
  };
  const ValueId pooled = node("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{4, 5}}});
  const ValueId wide =
      node("Resize", {pooled, kNoValue, kNoValue,
                      node("Concat", {slice(pooled, 0, 2), slice(x, 2, 4)}, {{"axis", int64_t{0}}})});
  const ValueId scales =
      g.add_initializer("scales", std::make_shared<Tensor>(Tensor::of<float>({4}, {1, 1, 2, 0.5f})));
  const ValueId scaled = node("Resize", {x, kNoValue, scales});
  // Padding to a multiple of 4, as windows of attention are cut: sizes that are known are constants.
  const ValueId height = node("Gather", {node("Shape", {x}), ints({2})});
  const ValueId missing =
      node("Mod", {node("Sub", {ints({4}), node("Mod", {height, ints({4})})}), ints({4})});
  const ValueId padded = node(
      "Pad", {x, node("Concat", {ints({0, 0, 0, 0, 0, 0}), missing, ints({0})}, {{"axis", int64_t{0}}})});
  g.outputs = {tokens, split, joined, tokens_too, wide, scaled, padded};
  const Graph inferred = infer_and_fold(g);
  EXPECT_EQ(*inferred.type(tokens).shape, (Shape{-2, 4, 12}));
  EXPECT_EQ(*inferred.type(split).shape, (Shape{kUnknownDim, 12}));
  EXPECT_EQ(*inferred.type(joined).shape, (Shape{-2, 4, 12}));
  EXPECT_EQ(*inferred.type(tokens_too).shape, (Shape{-2, 5, 12}));
  EXPECT_EQ(*inferred.type(wide).shape, (Shape{-2, 1, 6, 8}));
  EXPECT_EQ(*inferred.type(scaled).shape, (Shape{-2, 1, 12, 4}));
  EXPECT_EQ(*inferred.type(padded).shape, (Shape{-2, 1, 8, 8}));
  EXPECT_EQ(std::ranges::count(inferred.nodes, "Mod", &Node::op), 0);
}

// Gradients and passes hold on to a type while they add values.
TEST(Graph, ReferencesToTypesSurviveMoreValues) {
  Graph g;
  const Type& first = g.type(g.add_value("x", {.format = &formats::kF32, .shape = Shape{2, 3}}));
  for (int i = 0; i < 1000; ++i) g.add_value(fmt::format("v{}", i));
  EXPECT_EQ(&first, &g.type(0));
  EXPECT_EQ(to_string(first), "f32[2,3]");
}

}  // namespace
}  // namespace dunlin
