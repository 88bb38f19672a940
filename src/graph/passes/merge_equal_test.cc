#include "graph/passes/merge_equal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(MergeEqualNodes, LargeConstantsAreNotCompared) {
  GraphBuilder b;
  const ValueId x = b.input({129, 128});
  const auto zeros = [&] { return b.constant(Tensor(&formats::kF32, {129, 128})); };
  const ValueId a = b.node("Add", {x, zeros()}), c = b.node("Add", {x, zeros()});
  EXPECT_EQ(merge_equal_nodes(b.done({b.node("Mul", {a, c})})).nodes.size(), 3u);
}

}  // namespace
}  // namespace dunlin
