// The passes that make inference fast: what they leave, and that the results stay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/passes/fold_batch_norm.h"
#include "graph/passes/fuse_epilogues.h"
#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

TEST(FoldBatchNorm, BecomesWeightsAndBias) {
  GraphBuilder b;
  const ValueId x = b.input({2, 4, 5, 5});
  const ValueId c = b.node("Conv", {x, b.weight({6, 2, 3, 3}), b.weight({6})}, "group=2");
  const ValueId y =
      b.node("BatchNormalization", {c, b.weight({6}), b.weight({6}), b.weight({6}), b.weight({6}, 0.5, 2)},
             "epsilon=0.001");
  const Graph before = b.done({y}), after = fold_batch_norm(before);
  EXPECT_THAT(ops(after), ElementsAre("Conv"));
  expect_same_results(before, after);
}

TEST(FoldBatchNorm, LeavesWhatIsTrainedOrReadTwice) {
  GraphBuilder b;
  const ValueId x = b.input({2, 4, 5, 5}), w = b.weight({6, 4, 3, 3});
  const ValueId c = b.node("Conv", {x, w});
  const ValueId y =
      b.node("BatchNormalization", {c, b.weight({6}), b.weight({6}), b.weight({6}), b.weight({6}, 0.5, 2)});
  EXPECT_EQ(fold_batch_norm(b.done({y}), {w}).nodes.size(), 2u);
  EXPECT_EQ(fold_batch_norm(b.done({y, c})).nodes.size(), 2u);
}

TEST(FuseEpilogues, BiasesOfOneConstantHaveNamesOfTheirOwn) {
  GraphBuilder b;
  const ValueId x = b.input({1, 4, 6, 6}), bias = b.weight({1, 4, 1, 1});
  const ValueId c = b.node("Add", {b.node("Conv", {x, b.weight({4, 4, 3, 3})}), bias}),
                d = b.node("Add", {b.node("Conv", {x, b.weight({4, 4, 3, 3})}), bias});
  const Graph before = b.done({c, d}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedConv", "FusedConv"));
  EXPECT_NE(after.value_name(after.nodes[0].inputs[2]), after.value_name(after.nodes[1].inputs[2]));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, ResidualBlock) {
  GraphBuilder b;
  const ValueId x = b.input({1, 4, 6, 6});
  const ValueId a =
      b.node("Relu", {b.node("Conv", {x, b.weight({4, 4, 3, 3}), b.weight({4})}, "pads=[1,1,1,1]")});
  const ValueId down = b.node("Conv", {x, b.weight({4, 4, 1, 1})});
  const ValueId main = b.node("Conv", {a, b.weight({4, 4, 3, 3})}, "pads=[1,1,1,1]");
  const ValueId y = b.node("Relu", {b.node("Add", {main, down})});
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedConv", "Conv", "FusedConv"));
  expect_same_results(before, after);
}

/// Before opset 7 a bias may line up with rows.
TEST(FuseEpilogues, LeavesAnAxisThatTheBiasNames) {
  GraphBuilder b;
  const ValueId product = b.node("MatMul", {b.input({4, 8}), b.weight({8, 4})});
  const ValueId y = b.node("Add", {product, b.weight({4})}, "broadcast=1 axis=0");
  b.g.nodes.back().opset = 6;
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("MatMul", "Add"));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, LinearLayersWithBiasAndGelu) {
  GraphBuilder b;
  const ValueId x = b.input({2, 3, 8});
  const ValueId h =
      b.node("Gelu", {b.node("Add", {b.weight({16}), b.node("MatMul", {x, b.weight({8, 16})})})});
  const ValueId y =
      b.node("Add", {x, b.node("Add", {b.node("MatMul", {h, b.weight({16, 8})}), b.weight({8})})});
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedMatMul", "FusedMatMul"));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, GemmWithTanhAndConvWithBiasOfRank4) {
  GraphBuilder b;
  const ValueId x = b.input({2, 3, 1, 1});
  const ValueId c = b.node("Add", {b.node("Conv", {x, b.weight({5, 3, 1, 1})}), b.weight({1, 5, 1, 1})});
  const ValueId f = b.node("Flatten", {c});
  const ValueId y = b.node("Tanh", {b.node("Gemm", {f, b.weight({7, 5}), b.weight({7})}, "transB=1")});
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedConv", "Flatten", "FusedMatMul"));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, LeavesAValueThatIsReadElsewhere) {
  GraphBuilder b;
  const ValueId c = b.node("Conv", {b.input({1, 4, 6, 6}), b.weight({4, 4, 1, 1})});
  const ValueId y = b.node("Relu", {c});
  EXPECT_THAT(ops(fuse_epilogues(b.done({y, c}))), ElementsAre("Conv", "Relu"));
}

}  // namespace
}  // namespace dunlin
