#include "graph/passes/recognize_pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

/// Squeeze and excite, its pixels averaged by ReduceMean.
TEST(RecognizePooling, MeanOfAllPixels) {
  GraphBuilder b;
  const ValueId x = b.input({b.symbol("N"), 6, 4, 5});
  const ValueId mean = b.node("ReduceMean", {x, b.ints({-1, 2})});
  const ValueId small = b.node("Relu", {b.node("Conv", {mean, b.weight({2, 6, 1, 1})})});
  const ValueId gate = b.node("HardSigmoid", {b.node("Conv", {small, b.weight({6, 2, 1, 1})})});
  const Graph before = b.done({b.node("Mul", {gate, x})}), after = recognize_pooling(before);
  EXPECT_THAT(ops(after), ElementsAre("GlobalAveragePool", "Conv", "Relu", "Conv", "HardSigmoid", "Mul"));
  expect_same_results(before, after);
}

TEST(RecognizePooling, LeavesOtherMeans) {
  GraphBuilder b;
  const ValueId x = b.input({2, 6, 4, 5}), axes = b.ints({2, 3});
  const std::vector<ValueId> means{
      b.node("ReduceMean", {x, b.ints({1, 2})}), b.node("ReduceMean", {x, b.ints({3})}),
      b.node("ReduceMean", {x, axes}, "keepdims=0"),
      b.node("ReduceMean", {b.input({6, 4, 5, 3, 2}), b.ints({2, 3})}), b.node("ReduceMax", {x, axes})};
  EXPECT_THAT(ops(recognize_pooling(b.done(means))),
              ElementsAre("ReduceMean", "ReduceMean", "ReduceMean", "ReduceMean", "ReduceMax"));
}

}  // namespace
}  // namespace dunlin
