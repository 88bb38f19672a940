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

}  // namespace
}  // namespace dunlin
