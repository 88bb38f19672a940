// Gradients where a function has a kink, a pole or a tie: PyTorch 1.13's choices, by the references and by
// the kernels.
#include <gtest/gtest.h>

#include <cmath>

#include "dunlin/session.h"
#include "graph/autodiff/differentiate.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"

namespace dunlin {
namespace {

using Floats = std::vector<float>;
constexpr float kInf = INFINITY;

/// The gradient of output i is i + 1.
struct Kink {
  const char* name;
  const char* op;
  Sample sample;                  // its floats are the inputs that are differentiated
  std::vector<Floats> gradients;  // of each such input; empty: not asked for
};

const Kink kKinks[] = {
    {"Clip", "Clip", {"", "f32[5]{-2,-1,0,2,3} f32[]{-1} f32[]{2}"}, {{0, 2, 3, 4, 0}}},
    {"Relu", "Relu", {"", "f32[3]{-1,0,1}"}, {{0, 0, 3}}},
    {"LeakyRelu", "LeakyRelu", {"alpha=0.25", "f32[3]{-1,0,1}"}, {{0.25, 0.5, 3}}},
    {"HardSigmoid", "HardSigmoid", {"alpha=0.25", "f32[4]{-2,-1,2,4}"}, {{0, 0.5, 0, 0}}},
    {"HardSwish", "HardSwish", {"", "f32[5]{-4,-3,0,3,4}"}, {{0, -1, 1.5, 6, 5}}},
    {"Elu", "Elu", {"alpha=0.5", "f32[3]{-1,0,1}"}, {{0.18393972f, 1, 3}}},
    {"PRelu", "PRelu", {"", "f32[3]{-2,0,3} f32[3]{0.25,0.5,0.5}"}, {{0.25, 1, 3}, {-2, 0, 0}}},
    {"ThresholdedRelu", "ThresholdedRelu", {"alpha=1.0", "f32[3]{0,1,2}"}, {{0, 0, 3}}},
    {"Celu", "Celu", {"alpha=0.5", "f32[3]{-1,0,1}"}, {{0.13533528f, 2, 3}}},
    {"Selu", "Selu", {"", "f32[3]{-1,0,1}"}, {{0.64676863f, 3.5161986f, 3.1521029f}}},
    {"Shrink", "Shrink", {"lambd=0.5", "f32[4]{-0.5,0,0.5,1}"}, {{0, 0, 0, 4}}},
    {"Abs", "Abs", {"", "f32[3]{-2,0,3}"}, {{-1, 0, 3}}},
    {"Sqrt", "Sqrt", {"", "f32[2]{0,4}"}, {{kInf, 0.5}}},
    {"Max", "Max", {"", "f32[3]{1,2,3} f32[3]{2,2,1}"}, {{0, 1, 3}, {1, 1, 0}}},
    {"Min", "Min", {"", "f32[3]{1,2,3} f32[3]{2,2,1}"}, {{1, 1, 0}, {0, 1, 3}}},
    {"ReduceMax",
     "ReduceMax",
     {"keepdims=0", "f32[2,3]{1,3,3,2,2,2} i64{1}"},
     {{0, 0.5, 0.5, 2.f / 3, 2.f / 3, 2.f / 3}}},
    {"ReduceMin", "ReduceMin", {"keepdims=0", "f32[2,3]{1,1,3,2,5,4} i64{1}"}, {{0.5, 0.5, 0, 2, 0, 0}}},
    {"ReduceProd",
     "ReduceProd",
     {"keepdims=0", "f32[3,3]{1,2,3,0,2,3,0,0,3} i64{1}"},
     {{6, 3, 2, 12, 0, 0, 0, 0, 0}}},
    {"ReduceL1", "ReduceL1", {"keepdims=0", "f32[2,2]{3,-4,0,1} i64{1}"}, {{1, -1, 0, 2}}},
    {"ReduceL2", "ReduceL2", {"keepdims=0", "f32[2,2]{3,4,0,0} i64{1}"}, {{0.6f, 0.8f, 0, 0}}},
    {"Square", "Pow", {"", "f32[3]{0,-1,3} f32[]{2}"}, {{0, -4, 18}, {}}},
    {"PowerOfZero", "Pow", {"", "f32[3]{0,-1,3} f32[]{0}"}, {{0, 0, 0}, {}}},
    {"Root", "Pow", {"", "f32[2]{0,4} f32[]{0.5}"}, {{kInf, 0.5}, {}}},
    {"Pow", "Pow", {"", "f32[4]{0,0,2,3} f32[4]{0,2,0,2}"}, {{0, 0, 0, 24}, {0, 0, 2.0794415f, 39.550041f}}},
    {"MaxPool",
     "MaxPool",
     {"kernel_shape=[3,3]", "f32[1,1,4,4]{1,5,5,0,5,1,0,0,5,0,5,5,0,0,0,0}"},
     {{0, 3, 0, 0, 3, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0}}},
    {"GlobalMaxPool", "GlobalMaxPool", {"", "f32[1,1,2,3]{1,4,2,4,0,4}"}, {{0, 1, 0, 0, 0, 0}}},
    {"Div", "Div", {"", "f32[2]{0,1} f32[2]{2,-1}"}, {{0.5, -2}, {0, -2}}},
};

class Kinks : public testing::TestWithParam<Kink> {};
INSTANTIATE_TEST_SUITE_P(All, Kinks, testing::ValuesIn(kKinks),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Kinks, GradientIsPyTorchs) {
  const Kink& k = GetParam();
  Graph g = make_sample(*find_op("", k.op, 21), k.sample, 1).graph;
  InferOptions infer;
  std::vector<ValueId> wrt;
  std::vector<const Floats*> expected;
  for (size_t i = 0; i < k.gradients.size(); ++i) {
    if (k.gradients[i].empty()) continue;
    wrt.push_back(g.nodes[0].inputs[i]);
    expected.push_back(&k.gradients[i]);
  }
  infer.variable.insert(wrt.begin(), wrt.end());
  ASSERT_FALSE(wrt.empty());
  g = infer_and_fold(std::move(g), infer);
  const ValueId y = g.outputs[0];
  auto dy = std::make_shared<Tensor>(&formats::kF32, *g.type(y).shape);
  for (int64_t i = 0; i < dy->num_elements(); ++i) dy->data<float>()[i] = static_cast<float>(i + 1);
  const Seed seed{y, g.add_initializer("dy", dy)};
  Differentiated d = backpropagate(std::move(g), std::span(&seed, 1), wrt);
  d.graph.outputs = d.gradients;
  const auto graph = std::make_shared<const Graph>(remove_dead(std::move(d.graph)));

  SessionOptions options;
  for (ValueId v : wrt) options.variables.push_back(graph->value_name(v));
  Session session(graph, std::move(options));
  const auto check = [&](const std::vector<Tensor>& got, const char* by) {
    for (size_t i = 0; i < wrt.size(); ++i) {
      const auto dx = got[i].values<float>();
      ASSERT_EQ(dx.size(), expected[i]->size());
      for (size_t e = 0; e < dx.size(); ++e) {
        const float want = (*expected[i])[e];
        if (std::isinf(want))
          EXPECT_EQ(dx[e], want) << by << ", input " << i << "[" << e << "]";
        else
          EXPECT_NEAR(dx[e], want, 1e-6f * std::max(1.f, std::fabs(want)))
              << by << ", input " << i << "[" << e << "]";
      }
    }
  };
  check(evaluate(*graph, {}), "reference");
  check(session.run(std::span<const Tensor>{}), "kernels");
}

}  // namespace
}  // namespace dunlin
