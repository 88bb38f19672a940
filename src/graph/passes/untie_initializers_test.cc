#include "graph/passes/untie_initializers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

/// done() would fold Identity away.
Graph graph(const GraphBuilder& b, std::vector<ValueId> outputs) {
  Graph g = b.g;
  g.outputs = std::move(outputs);
  return g;
}

TEST(UntieInitializers, EqualWeightsBecomeTwo) {
  GraphBuilder b;
  const ValueId x = b.input({2, 2}), w = b.constant(Tensor::of<float>({2}, {3, 4}));
  const ValueId other = b.node("Identity", {w});
  const Graph before = graph(b, {b.node("Add", {b.node("Mul", {x, w}), other})});
  Graph after = before;
  untie_initializers(after);
  EXPECT_THAT(ops(after), ElementsAre("Mul", "Add"));
  ASSERT_NE(after.initializer(other), nullptr);
  EXPECT_EQ(after.nodes[1].inputs[1], other);
  expect_same_results(before, after);
}

/// As the dynamo exporter writes parameter.clone().
TEST(UntieInitializers, ACopyOfAWeightThatNothingElseReadsIsTheWeight) {
  GraphBuilder b;
  const ValueId x = b.input({2, 2}), w = b.constant(Tensor::of<float>({2}, {3, 4}));
  const ValueId copy = b.node("Identity", {b.node("Identity", {w})});
  const Graph before = graph(b, {b.node("Add", {b.node("Mul", {x, copy}), copy})});
  Graph after = before;
  untie_initializers(after);
  EXPECT_THAT(ops(after), ElementsAre("Mul", "Add"));
  EXPECT_EQ(after.nodes[0].inputs[1], w);
  EXPECT_EQ(after.nodes[1].inputs[1], w);
  EXPECT_EQ(after.initializer(copy), nullptr);
  expect_same_results(before, after);
}

TEST(UntieInitializers, AnIdentityWithoutAnOutputIsLeftAlone) {
  GraphBuilder b;
  const ValueId w = b.constant(Tensor::of<float>({2}, {3, 4}));
  b.node("Identity", {w});
  Graph g = graph(b, {b.node("Mul", {b.input({2, 2}), w})});
  g.nodes[0].outputs = {kNoValue};
  untie_initializers(g);
  EXPECT_THAT(ops(g), ElementsAre("Identity", "Mul"));
}

TEST(UntieInitializers, AnOutputKeepsItsName) {
  GraphBuilder b;
  const ValueId copy = b.node("Identity", {b.constant(Tensor::of<float>({2}, {3, 4}))});
  Graph g = graph(b, {b.node("Mul", {b.input({2, 2}), copy}), copy});
  untie_initializers(g);
  EXPECT_THAT(ops(g), ElementsAre("Mul"));
  EXPECT_EQ(g.outputs[1], copy);
  EXPECT_NE(g.initializer(copy), nullptr);
}

}  // namespace
}  // namespace dunlin
