#include "learn/testing/small_models.h"

#include <cmath>

#include "tensor/formats.h"

namespace dunlin::testing {

std::vector<float> wave(int64_t n, double k, double amplitude, double offset) {
  std::vector<float> out;
  for (int64_t i = 0; i < n; ++i)
    out.push_back(static_cast<float>(offset) +
                  static_cast<float>(amplitude * std::sin(0.7 * static_cast<double>(i) + k)));
  return out;
}

ModelBuilder::ModelBuilder(Shape input) {
  Graph& g = model_.graph;
  g.name = "test";
  g.opsets[""] = 17;
  g.symbols = {"N"};
  Shape shape{-2};
  for (const int64_t d : input) shape.push_back(d);
  g.inputs = {g.add_value("x", {.format = &formats::kF32, .shape = shape})};
}

ValueId ModelBuilder::weight(const std::string& name, Shape shape, std::vector<float> values) {
  return model_.graph.add_initializer(name, std::make_shared<const Tensor>(Tensor::of<float>(
                                                std::move(shape), std::span<const float>(values))));
}

ValueId ModelBuilder::node(const std::string& op, std::vector<ValueId> inputs, Attributes attributes) {
  Graph& g = model_.graph;
  const ValueId out = g.add_value(g.unused_name(op));
  g.nodes.push_back({.op = op,
                     .domain = "",
                     .name = g.value_name(out),
                     .attributes = std::move(attributes),
                     .inputs = std::move(inputs),
                     .outputs = {out}});
  return out;
}

Model ModelBuilder::finish(ValueId output) {
  model_.graph.outputs = {output};
  return std::move(model_);
}

Model small_cnn() {
  ModelBuilder b({1, 6, 6});
  const ValueId w = b.weight("conv.w", {2, 1, 3, 3}, wave(18, 1, .5)),
                c = b.weight("conv.b", {2}, wave(2, 2, .1)),
                scale = b.weight("bn.scale", {2}, wave(2, 3, .2, 1)),
                bias = b.weight("bn.bias", {2}, wave(2, 4, .2)), mean = b.weight("bn.mean", {2}, {0, 0}),
                var = b.weight("bn.var", {2}, {1, 1}), fc = b.weight("fc.w", {3, 18}, wave(54, 5, .4)),
                fb = b.weight("fc.b", {3}, wave(3, 6, .1));
  ValueId v = b.node("Conv", {b.input(), w, c}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  v = b.node("BatchNormalization", {v, scale, bias, mean, var}, {{"momentum", 0.9f}});
  v = b.node("MaxPool", {b.node("Relu", {v})},
             {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  return b.finish(b.node("Gemm", {b.node("Flatten", {v}), fc, fb}, {{"transB", int64_t{1}}}));
}

Model linear(int64_t outputs, const std::string& tail) {
  ModelBuilder b({2});
  const ValueId w = b.weight("w", {2, outputs}, wave(2 * outputs, 1, 1)),
                c = b.weight("b", {outputs}, wave(outputs, 2, 1));
  const ValueId v = b.node("Gemm", {b.input(), w, c});
  return b.finish(tail.empty() ? v : b.node(tail, {v}));
}

}  // namespace dunlin::testing
