#include "graph/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ValueId constant_node(GraphBuilder& b, Shape shape) {
  const ValueId v = b.node("Constant", {});
  b.g.nodes.back().attributes["value"] = std::make_shared<const Tensor>(b.random(std::move(shape)));
  return v;
}

/// x [2,3] -> MatMul w [3,4] -> Add c [4]; by Constant nodes or initialisers.
Graph product(bool constant_w, bool constant_c, std::string op = "MatMul") {
  GraphBuilder b;
  const ValueId x = b.input({2, 3}), w = constant_w ? constant_node(b, {3, 4}) : b.weight({3, 4}),
                c = constant_c ? constant_node(b, {4}) : b.weight({4});
  b.g.outputs = {b.node("Add", {b.node(std::move(op), {x, w}), c})};
  return b.g;
}

TEST(LiftConstants, WeightsOfAModelThatHasOnlyConstants) {
  const Graph before = product(true, true);
  EXPECT_THAT(find_weights(before), IsEmpty());
  Graph after = before;
  lift_constants(after);
  EXPECT_THAT(ops(after), ElementsAre("MatMul", "Add"));
  EXPECT_EQ(find_weights(after).size(), 2u);
  expect_same_results(before, after);
}

TEST(LiftConstants, WhereAnInitialiserIsAWeightConstantsAreNone) {
  for (Graph g : {product(true, false), product(false, true)}) {
    const size_t nodes = g.nodes.size();
    lift_constants(g);
    EXPECT_EQ(g.nodes.size(), nodes);
    EXPECT_EQ(find_weights(g).size(), 1u);
  }
}

/// x - mean, / deviation: of the data, and no weights.
TEST(LiftConstants, WhatStandsBeforeTheFirstParameterStays) {
  GraphBuilder b;
  const ValueId centred = b.node("Add", {b.input({2, 3}), constant_node(b, {3})});
  const ValueId scaled = b.node("Mul", {centred, constant_node(b, {3})});
  b.g.outputs = {
      b.node("Add", {b.node("MatMul", {scaled, constant_node(b, {3, 4})}), constant_node(b, {4})})};
  lift_constants(b.g);
  EXPECT_THAT(ops(b.g), ElementsAre("Constant", "Add", "Constant", "Mul", "MatMul", "Add"));
  EXPECT_EQ(find_weights(b.g).size(), 2u);
}

TEST(LiftConstants, NodesWithoutAnOutputAreLeftAlone) {
  Graph g = product(true, true);
  g.nodes.push_back(g.nodes[0]);
  g.nodes.back().outputs = {kNoValue};
  g.nodes.push_back(g.nodes[0]);
  g.nodes.back().outputs.clear();
  lift_constants(g);
  EXPECT_THAT(ops(g), ElementsAre("MatMul", "Add", "Constant", "Constant"));
}

TEST(LiftConstants, StatisticsOfBatchNormalizationEvenBesideWeights) {
  GraphBuilder b;
  std::vector<ValueId> in{b.input({2, 3, 4, 4}), b.weight({3}), b.weight({3}), constant_node(b, {3})};
  in.push_back(constant_node(b, {3}));
  b.g.outputs = {b.node("BatchNormalization", in)};
  lift_constants(b.g);
  EXPECT_THAT(ops(b.g), ElementsAre("BatchNormalization"));
  EXPECT_EQ(find_weights(b.g).size(), 2u);
}

TEST(LiftConstants, ConstantsBesideArithmeticAloneAreNoWeights) {
  Graph g = product(true, true, "Einsum");
  g.nodes[2].attributes["equation"] = std::string("ij,jk->ik");
  lift_constants(g);
  EXPECT_THAT(find_weights(g), IsEmpty());
}

}  // namespace
}  // namespace dunlin
