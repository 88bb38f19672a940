#include "graph/passes/merge_equal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

TEST(MergeEqualNodes, KeepsOne) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4});
  const ValueId a = b.node("LeakyRelu", {x}, "alpha=0.5"), c = b.node("LeakyRelu", {x}, "alpha=0.5"),
                d = b.node("LeakyRelu", {x}, "alpha=0.25");
  const Graph before = b.done({b.node("Add", {b.node("Mul", {a, c}), d})}), after = merge_equal_nodes(before);
  EXPECT_THAT(ops(after), ElementsAre("LeakyRelu", "LeakyRelu", "Mul", "Add"));
  expect_same_results(before, after);
}

TEST(MergeEqualNodes, WhatReadsEqualValuesIsEqualItself) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4});
  const ValueId a = b.node("Exp", {b.node("Neg", {x})}), c = b.node("Exp", {b.node("Neg", {x})});
  const Graph before = b.done({b.node("Sub", {a, b.node("Mul", {c, c})})}), after = merge_equal_nodes(before);
  EXPECT_THAT(ops(after), ElementsAre("Neg", "Exp", "Mul", "Sub"));
  expect_same_results(before, after);
}

TEST(MergeEqualNodes, LeavesRandomNumbersAndOutputs) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4});
  const ValueId r = b.node("RandomUniformLike", {x}), s = b.node("RandomUniformLike", {x});
  const ValueId a = b.node("Neg", {x}), c = b.node("Neg", {x});
  EXPECT_EQ(merge_equal_nodes(b.done({b.node("Sub", {r, s}), a, c})).nodes.size(), 5u);
}

TEST(MergeEqualNodes, ReadsOneOfEqualConstants) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4});
  const ValueId a = b.node("Mul", {x, b.scalar(0.5f)}), c = b.node("Mul", {x, b.scalar(0.5f)}),
                d = b.node("Mul", {x, b.scalar(0.25f)}),
                e = b.node("Mul", {x, b.constant(Tensor::of<float>({1}, {0.5f}))});
  const Graph before = b.done({b.node("Add", {b.node("Sub", {b.node("Div", {a, c}), d}), e})}),
              after = merge_equal_nodes(before);
  EXPECT_THAT(ops(after), ElementsAre("Mul", "Mul", "Mul", "Div", "Sub", "Add"));
  EXPECT_EQ(after.nodes[3].inputs[0], after.nodes[3].inputs[1]);
  expect_same_results(before, after);
}

TEST(MergeEqualNodes, LeavesVariablesAndConstantsOfOtherBits) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4});
  const ValueId trained = b.scalar(0.5f), plus = b.scalar(0), minus = b.scalar(-0.0f);
  const ValueId a = b.node("Mul", {x, b.scalar(0.5f)}), c = b.node("Mul", {x, trained}),
                d = b.node("Div", {x, plus}), e = b.node("Div", {x, minus});
  EXPECT_EQ(merge_equal_nodes(b.done({b.node("Sum", {a, c, d, e})}), {trained}).nodes.size(), 5u);
}

TEST(MergeEqualNodes, AConstantThatIsAnOutputStaysOne) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4}), first = b.scalar(2), named = b.scalar(2);
  const ValueId a = b.node("Mul", {x, first}), c = b.node("Mul", {x, named});
  const Graph before = b.done({b.node("Add", {a, c}), named}), after = merge_equal_nodes(before);
  EXPECT_THAT(ops(after), ElementsAre("Mul", "Add"));
  EXPECT_THAT(after.outputs, ElementsAre(before.outputs[0], named));
  ASSERT_NE(after.initializer(named), nullptr);
  expect_same_results(before, after);
}

/// Gives what it captures, negated or not.
GraphPtr branch(bool negated) {
  Graph g;
  g.opsets[""] = kNewestOpset;
  g.captured = {g.add_value("captured", {.format = &formats::kF32, .shape = Shape{}})};
  g.outputs = {g.add_value("result")};
  g.nodes.push_back({.op = negated ? "Neg" : "Exp",
                     .domain = "",
                     .name = "",
                     .attributes = {},
                     .inputs = g.captured,
                     .outputs = g.outputs});
  return std::make_shared<Graph>(std::move(g));
}

TEST(MergeEqualNodes, SubgraphsCaptureTheConstantThatIsKept) {
  GraphBuilder b;
  const ValueId x = b.input({});
  const ValueId a = b.node("Mul", {x, b.scalar(0.5f)}), condition = b.node("Greater", {x, b.scalar(0.25f)});
  const ValueId y = b.node("If", {condition, b.scalar(0.5f), b.scalar(0.25f)});
  b.g.nodes.back().attributes = {{"else_branch", branch(true)}, {"then_branch", branch(false)}};
  const Graph before = b.done({b.node("Add", {a, y})}), after = merge_equal_nodes(before);
  ASSERT_THAT(ops(after), ElementsAre("Mul", "Greater", "If", "Add"));
  EXPECT_THAT(after.nodes[2].inputs,
              ElementsAre(after.nodes[1].outputs[0], after.nodes[0].inputs[1], after.nodes[1].inputs[1]));
  expect_same_results(before, after);
}

TEST(MergeEqualNodes, ConstantsOfStringsAreNotCompared) {
  GraphBuilder b;
  const ValueId i = b.node("Cast", {b.input({3})}, "to=7");
  const auto words = [&](const char* last) {
    return b.constant(Tensor::of_strings({4}, {"red", "green", "blue", last}));
  };
  const ValueId a = b.node("Gather", {words("white"), i}), c = b.node("Gather", {words("black"), i}),
                d = b.node("Gather", {words("white"), i});
  const ValueId y = b.node("Add", {b.node("Cast", {b.node("Equal", {a, c})}, "to=1"),
                                   b.node("Cast", {b.node("Equal", {a, d})}, "to=1")});
  const Graph before = b.done({y}), after = merge_equal_nodes(before);
  EXPECT_THAT(ops(after),
              ElementsAre("Cast", "Gather", "Gather", "Gather", "Equal", "Cast", "Equal", "Cast", "Add"));
  expect_same_results(before, after);
}

TEST(MergeEqualNodes, ConstantsAreComparedByTheirBits) {
  GraphBuilder b;
  const ValueId x = b.input({4});
  const auto vector = [&](uint32_t bits) {
    return b.constant(Tensor::of<float>({4}, {1, -0.0f, 2, std::bit_cast<float>(bits)}));
  };
  const uint32_t nan = 0x7fc00000;
  const ValueId a = b.node("Div", {x, vector(nan)}), c = b.node("Div", {x, vector(nan)}),
                d = b.node("Div", {x, vector(nan + 1)}),
                e = b.node("Div",
                           {x, b.constant(Tensor::of<float>({4}, {1, 0, 2, std::bit_cast<float>(nan)}))});
  const Graph after = merge_equal_nodes(b.done({b.node("Sum", {a, c, d, e})}));
  ASSERT_THAT(ops(after), ElementsAre("Div", "Div", "Div", "Sum"));
  EXPECT_EQ(after.nodes[3].inputs[0], after.nodes[3].inputs[1]);
}

TEST(MergeEqualNodes, LargeConstantsAreNotCompared) {
  GraphBuilder b;
  const ValueId x = b.input({129, 128});
  const auto zeros = [&] { return b.constant(Tensor(&formats::kF32, {129, 128})); };
  const ValueId a = b.node("Add", {x, zeros()}), c = b.node("Add", {x, zeros()});
  EXPECT_EQ(merge_equal_nodes(b.done({b.node("Mul", {a, c})})).nodes.size(), 3u);
}

}  // namespace
}  // namespace dunlin
