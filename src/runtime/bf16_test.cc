// Sessions that compute in bf16: how far results may be from f32, what lies in bf16 and what does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "base/error.h"
#include "base/threads.h"
#include "dunlin/session.h"
#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

/// The same graph over magnitudes: what no value, and no part of a sum, exceeds as long as activations do not grow.
Graph magnitudes(Graph g) {
  for (auto& [v, t] : g.initializers) {
    if (t->format() != &formats::kF32) continue;
    auto m = std::make_shared<Tensor>(t->clone());
    for (int64_t i = 0; i < m->num_elements(); ++i) m->data<float>()[i] = std::fabs(m->data<float>()[i]);
    t = m;
  }
  return g;
}

/// Runs `y` in bf16. `roundings`: the most that a value meets on its way from input to output, weights counted;
/// `slope`: of the activations together.
void expect_near_f32(GraphBuilder& b, ValueId y, int roundings, double slope = 1) {
  const auto g = std::make_shared<Graph>(b.done({y}));
  std::vector<Tensor> in, positive;
  for (ValueId v : g->inputs) {
    in.push_back(b.random(*g->type(v).shape, -2, 2));
    positive.push_back(in.back().clone());
    for (int64_t i = 0; i < in.back().num_elements(); ++i)
      positive.back().data<float>()[i] = std::fabs(in.back().data<float>()[i]);
  }
  const std::vector<Tensor> want = evaluate(*g, in), most = evaluate(magnitudes(*g), positive);
  const double relative = slope * (std::pow(1 + 0x1p-8, roundings) - 1) + 1e-5;
  for (Isa isa : available_isas()) {
    SCOPED_TRACE(to_string(isa));
    Session one(g, {.num_threads = 1, .isa = std::string(to_string(isa)), .compute = "bf16"}),
        three(g, {.num_threads = 3, .isa = std::string(to_string(isa)), .compute = "bf16"});
    const std::vector<Tensor> got = one.run(in), again = three.run(in);
    ASSERT_EQ(got[0].format(), &formats::kF32);
    ASSERT_EQ(got[0].shape(), want[0].shape());
    for (int64_t i = 0; i < want[0].num_elements(); ++i)
      ASSERT_NEAR(got[0].data<float>()[i], want[0].data<float>()[i],
                  relative * double(most[0].data<float>()[i]))
          << i;
    EXPECT_EQ(0, std::memcmp(got[0].data<float>(), again[0].data<float>(), got[0].num_bytes()));
  }
}

ValueId conv(GraphBuilder& b, ValueId x, int64_t from, int64_t to, int64_t kernel, int64_t stride = 1,
             int64_t group = 1) {
  return b.node("Conv", {x, b.weight({to, from / group, kernel, kernel}), b.weight({to})},
                fmt::format("pads=[{0},{0},{0},{0}] strides=[{1},{1}] group={2}", kernel / 2, stride, group));
}

TEST(Bf16, ConvolutionsPoolsAndAProduct) {
  GraphBuilder b;
  const ValueId x = b.input({2, 3, 15, 13});
  ValueId y = b.node("Relu", {conv(b, x, 3, 20, 3, 2)});
  y = b.node("MaxPool", {y}, "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]");
  y = b.node("AveragePool", {y}, "kernel_shape=[2,2]");
  y = b.node("Flatten", {b.node("GlobalAveragePool", {b.node("Relu", {conv(b, y, 20, 33, 1)})})});
  y = b.node("Gemm", {y, b.weight({33, 10}), b.weight({10})});
  expect_near_f32(b, y, 2 + 1 + 0 + 1 + 2 + 1 + 2);
}

TEST(Bf16, InvertedBottleneckWithSqueezeAndExcite) {
  GraphBuilder b;
  const ValueId x = b.input({1, 8, 9, 10}), first = conv(b, x, 8, 16, 1);
  ValueId y = b.node("HardSwish", {conv(b, first, 16, 48, 1)});
  y = b.node("HardSwish", {conv(b, y, 48, 48, 5, 1, 48)});
  ValueId gate = b.node("Relu", {conv(b, b.node("GlobalAveragePool", {y}), 48, 12, 1)});
  gate = b.node("Clip", {conv(b, gate, 12, 48, 1), b.scalar(0), b.scalar(1)});
  y = b.node("Add", {conv(b, b.node("Mul", {y, gate}), 48, 16, 1), first});
  y = conv(b, y, 16, 5, 3);
  expect_near_f32(b, y, 2 + 2 + 2 + 2 + 3 + 2 + 1 + 2 + 2 + 2, 1.5 * 1.5);
}

TEST(Bf16, MovementAndIslandsBetween) {
  GraphBuilder b;
  const ValueId x = b.input({1, 6, 8, 8});
  const ValueId left = conv(b, x, 6, 10, 3), right = b.node("Relu", {conv(b, x, 6, 14, 1)});
  ValueId y = b.node("Concat", {left, right}, "axis=1");
  y = b.node("Slice", {y, b.ints({1}), b.ints({21}), b.ints({1})});
  y = b.node("Transpose", {b.node("Reshape", {y, b.ints({1, 20, 64})})}, "perm=[0,2,1]");
  y = b.node("CumSum", {b.node("MatMul", {y, b.weight({20, 7})}), b.constant(Tensor::of<int64_t>({}, {2}))});
  y = b.node("MatMul", {y, b.weight({7, 9})});
  expect_near_f32(b, y, 2 + 1 + 1 + 1 + 1 + 2);
}

TEST(Bf16, ConstantsOfElementwiseNodesStayExact) {
  GraphBuilder b;
  ValueId y = conv(b, b.input({1, 4, 5, 5}), 4, 18, 3);
  y = b.node("Sub", {b.weight({18, 1, 1}), b.node("Mul", {y, b.weight({1, 18, 1, 1})})});
  y = b.node("Div", {b.node("Abs", {y}), b.scalar(3)});
  expect_near_f32(b, conv(b, y, 18, 3, 1), 2 + 1 + 1 + 1 + 1 + 1 + 2);
}

TEST(Bf16, WhatLiesInBf16) {
  GraphBuilder b;
  const ValueId x = b.input({1, 3, 8, 8});
  const ValueId a = b.node("Relu", {conv(b, x, 3, 16, 3)}),
                s = b.node("Softmax", {conv(b, a, 16, 16, 3)}, "axis=1"), y = conv(b, s, 16, 8, 1);
  const auto g = std::make_shared<Graph>(b.done({y}));
  Session session(g, {.compute = "bf16"});
  const auto plan = nlohmann::json::parse(session.explain());
  std::vector<std::string> steps;
  for (const auto& step : plan["steps"]) {
    const std::string type = step["outputs"][0]["type"];
    steps.push_back(step["kernel"].get<std::string>() + " " + type.substr(0, type.find('[')));
  }
  using testing::ElementsAre;
  // The network's output and what the island reads are made in f32 at once.
  EXPECT_THAT(steps, ElementsAre("cast bf16", "copy bf16", "bf16_conv_forward bf16", "bf16_conv_forward f32",
                                 "softmax f32", "cast bf16", "bf16_conv_forward f32", "copy f32"));
}

TEST(Bf16, VariablesAreReadAnewInEveryRun) {
  GraphBuilder b;
  const ValueId w = b.weight({4, 5});
  const ValueId y = b.node("MatMul", {b.input({3, 4}), w});
  const auto g = std::make_shared<Graph>(b.done({y}));
  Session session(g, {.compute = "bf16", .variables = {g->value_name(w)}});
  const std::vector<Tensor> in = [&] {
    std::vector<Tensor> list;
    list.push_back(Tensor::of<float>({3, 4}, std::vector<float>(12, 1.f)));
    return list;
  }();
  for (float value : {1.f, 2.f}) {
    Tensor& variable = session.variable(g->value_name(w));
    std::fill_n(variable.data<float>(), 20, value);
    EXPECT_EQ(session.run(in)[0].data<float>()[7], 4 * value);
  }
}

TEST(Bf16, UnknownPrecisionsAreRefusedWithTheList) {
  GraphBuilder b;
  const auto g = std::make_shared<Graph>(b.done({b.node("Relu", {b.input({3})})}));
  try {
    Session(g, {.compute = "fp16"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(e.what(), testing::AllOf(testing::HasSubstr("\"fp16\""), testing::HasSubstr("f32, bf16")));
  }
}

}  // namespace
}  // namespace dunlin
