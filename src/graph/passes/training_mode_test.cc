#include "graph/passes/training_mode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "graph/autodiff/differentiate.h"
#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

ValueId node(Graph& g, std::string op, std::vector<ValueId> inputs, Attributes attributes = {}) {
  const ValueId out = g.add_value(g.unused_name(op));
  g.nodes.push_back({.op = op,
                     .domain = "",
                     .name = op,
                     .attributes = std::move(attributes),
                     .inputs = std::move(inputs),
                     .outputs = {out},
                     .opset = 0});
  return out;
}

TensorPtr vector(std::initializer_list<float> v) {
  return std::make_shared<Tensor>(Tensor::of<float>({static_cast<int64_t>(v.size())}, v));
}

/// x[4,2] -> BatchNormalization, with the variance behind an Identity, as exporters write it.
Graph batch_norm_graph() {
  Graph g;
  g.opsets[""] = 15;
  const ValueId x = g.add_value("x", {.format = &formats::kF32, .shape = Shape{4, 2}});
  g.inputs = {x};
  const ValueId ones = g.add_initializer("scale", vector({1, 1})),
                zeros = g.add_initializer("bias", vector({0, 0})),
                mean = g.add_initializer("mean", vector({1, 1}));
  const ValueId variance = node(g, "Identity", {ones});
  g.outputs = {node(g, "BatchNormalization", {x, ones, zeros, mean, variance}, {{"momentum", 0.75f}})};
  return g;
}

TEST(TrainingMode, BatchNormUsesTheBatchAndGivesNewStatistics) {
  const TrainingGraph t = to_training_mode(batch_norm_graph());
  ASSERT_EQ(t.running.size(), 2u);
  EXPECT_EQ(t.graph.value_name(t.running[0].stored), "mean");
  EXPECT_NE(t.graph.initializer(t.running[1].stored), nullptr);
  std::vector<Tensor> in;
  in.push_back(Tensor::of<float>({4, 2}, {1, 0, 2, 0, 3, 4, 6, 4}));
  const auto out = evaluate(t.graph, in);
  ASSERT_EQ(out.size(), 3u);
  // Column 0 has mean 3 and population variance 3.5; column 1 mean 2 and variance 4.
  EXPECT_FLOAT_EQ(out[1].values<float>()[0], 0.75f * 1 + 0.25f * 3);
  EXPECT_FLOAT_EQ(out[2].values<float>()[0], 0.75f * 1 + 0.25f * 3.5f);
  EXPECT_FLOAT_EQ(out[2].values<float>()[1], 0.75f * 1 + 0.25f * 4);
  EXPECT_NEAR(out[0].values<float>()[1], -1, 1e-5);
}

TEST(TrainingMode, FrozenBatchNormStaysAsItIs) {
  const TrainingGraph t = to_training_mode(batch_norm_graph(), {.batch_norm = false, .dropout = true});
  EXPECT_TRUE(t.running.empty());
  EXPECT_EQ(t.graph.nodes.back().op, "BatchNormalization");
}

TEST(TrainingMode, SpelledLayerNormIsOneAndKeepsItsStatistics) {
  GraphBuilder b;
  const ValueId x = b.input({4, 6}), scale = b.weight({6}), bias = b.weight({6});
  const ValueId d = b.node("Sub", {x, b.node("ReduceMean", {x, b.ints({-1})})});
  const ValueId variance = b.node("ReduceMean", {b.node("Pow", {d, b.scalar(2)}), b.ints({-1})});
  const ValueId n = b.node("Div", {d, b.node("Sqrt", {b.node("Add", {variance, b.scalar(1e-5f)})})});
  const Graph before = b.done({b.node("Add", {b.node("Mul", {n, scale}), bias})});
  const TrainingGraph t = to_training_mode(before, {.variable = {scale, bias}});
  ASSERT_EQ(t.graph.nodes.size(), 1u);
  EXPECT_EQ(t.graph.nodes[0].op, "LayerNormalization");
  EXPECT_EQ(t.graph.nodes[0].outputs.size(), 3u);
  expect_same_results(before, t.graph);
}

TEST(TrainingMode, OldDropoutDropsAndItsGradientUsesTheSameMask) {
  Graph g;
  g.opsets[""] = 9;
  const ValueId x = g.add_value("x", {.format = &formats::kF32, .shape = Shape{1000}});
  g.inputs = {x};
  g.outputs = {node(g, "Dropout", {x}, {{"ratio", 0.25f}})};
  Graph trained = infer_and_fold(to_training_mode(infer_and_fold(std::move(g))).graph);
  const ValueId seed = trained.add_value("dy", {.format = &formats::kF32, .shape = Shape{1000}});
  trained.inputs.push_back(seed);
  const Seed seeds[] = {{trained.outputs[0], seed}};
  const ValueId wrt[] = {x};
  Differentiated d = backpropagate(std::move(trained), seeds, wrt);
  d.graph.outputs.push_back(d.gradients[0]);
  std::vector<Tensor> in;
  for (int i = 0; i < 2; ++i) {
    in.emplace_back(&formats::kF32, Shape{1000});
    std::fill_n(in.back().data<float>(), 1000, 1.0f);
  }
  const auto out = evaluate(d.graph, in, {.seed = 7, .training = true});
  int kept = 0;
  for (size_t i = 0; i < 1000; ++i) {
    const float y = out[0].values<float>()[i];
    EXPECT_TRUE(y == 0 || y == 1 / 0.75f);
    EXPECT_EQ(y, out[1].values<float>()[i]);
    kept += y != 0;
  }
  EXPECT_NEAR(kept, 750, 60);  // over four standard deviations
  const auto other = evaluate(d.graph, in, {.seed = 8, .training = true});
  EXPECT_FALSE(std::ranges::equal(out[0].values<float>(), other[0].values<float>()));
}

TEST(TrainingMode, GradientsGoStraightThroughQuantisation) {
  Graph g;
  g.opsets[""] = 13;
  const Type row{.format = &formats::kF32, .shape = Shape{5}};
  const ValueId x = g.add_value("x", row);
  g.inputs = {x};
  const auto scalar = [](float v) { return std::make_shared<Tensor>(Tensor::of<float>({}, {v})); };
  const ValueId scale = g.add_initializer("scale", scalar(0.1f)),
                again = g.add_initializer("scale2", scalar(0.1f)),
                other = g.add_initializer("other", scalar(0.2f)),
                zero = g.add_initializer("zero", std::make_shared<Tensor>(Tensor::of<int8_t>({}, {3})));
  const ValueId q = node(g, "QuantizeLinear", {x, scale, zero});
  g.outputs = {node(g, "DequantizeLinear", {q, again, zero}), node(g, "DequantizeLinear", {q, other, zero})};
  const Graph before = infer_and_fold(g);
  // Two that are trained part.
  const Graph apart = to_training_mode(before, {.variable = {scale, again}}).graph;
  EXPECT_EQ(std::ranges::count(apart.nodes, "FakeQuantize", &Node::op), 0);
  Graph after = to_training_mode(before).graph;
  // The one that undoes the QuantizeLinear takes gradients; the other gives other numbers and stays.
  EXPECT_EQ(std::ranges::count(after.nodes, "FakeQuantize", &Node::op), 1);
  EXPECT_EQ(std::ranges::count(after.nodes, "DequantizeLinear", &Node::op), 1);
  std::vector<Tensor> in;
  in.push_back(Tensor::of<float>({5}, {-13.2f, -13.0f, 0.04f, 12.4f, 12.6f}));
  const auto want = evaluate(before, in), got = evaluate(after, in);
  for (size_t k = 0; k < 2; ++k)
    EXPECT_EQ(std::memcmp(want[k].plane(Plane::kPayload).data(), got[k].plane(Plane::kPayload).data(), 20),
              0);
  const Seed seed{after.outputs[0], after.add_initializer("dy", vector({1, 2, 3, 4, 5}))};
  Differentiated d = backpropagate(std::move(after), std::span(&seed, 1), std::span(&x, 1));
  d.graph.outputs = d.gradients;
  const std::vector<Tensor> out = evaluate(remove_dead(d.graph), in);
  const auto dx = out[0].values<float>();
  // -13.2 / 0.1 + 3 = -129 and 12.6 / 0.1 + 3 = 129 are beyond the integers of 8 bits.
  EXPECT_EQ(std::vector<float>(dx.begin(), dx.end()), (std::vector<float>{0, 2, 3, 4, 0}));
}

}  // namespace
}  // namespace dunlin
