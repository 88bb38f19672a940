#include "graph/passes/recognize_activations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

TEST(RecognizeActivations, AsPyTorchWritesThem) {
  GraphBuilder b;
  const ValueId x = b.input({3, 40});
  const ValueId silu = b.node("Mul", {x, b.node("Sigmoid", {x})});
  const ValueId swish =
      b.node("Mul", {silu, b.node("HardSigmoid", {silu}, "alpha=0.16666667163372 beta=0.5")});
  const ValueId erf = b.node("Erf", {b.node("Div", {swish, b.scalar(std::sqrt(2.f))})});
  const ValueId gelu =
      b.node("Mul", {b.node("Mul", {swish, b.node("Add", {erf, b.scalar(1)})}), b.scalar(0.5f)});
  const Graph before = b.done({gelu}), after = recognize_activations(before);
  EXPECT_THAT(ops(after), ElementsAre("Activation", "Activation", "Activation"));
  expect_same_results(before, after);
}

TEST(RecognizeActivations, LeavesASigmoidThatIsReadElsewhere) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4}), s = b.node("Sigmoid", {x}), y = b.node("Mul", {x, s});
  EXPECT_THAT(ops(recognize_activations(b.done({y, s}))), ElementsAre("Sigmoid", "Mul"));
}

/// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), the cube by Pow or by products, the factors in some order.
ValueId gelu_tanh(GraphBuilder& b, ValueId x, bool pow, int order, float inner = 0.7978846f) {
  const ValueId cube = pow ? b.node("Pow", {x, b.scalar(3)}) : b.node("Mul", {x, b.node("Mul", {x, x})});
  const ValueId sum = b.node("Add", {x, b.node("Mul", {b.scalar(0.044715f), cube})});
  const ValueId gate = b.node("Add", {b.scalar(1), b.node("Tanh", {b.node("Mul", {sum, b.scalar(inner)})})});
  const ValueId half = b.scalar(0.5f);
  if (order == 0) return b.node("Mul", {half, b.node("Mul", {x, gate})});
  if (order == 1) return b.node("Mul", {b.node("Mul", {x, half}), gate});
  return b.node("Mul", {b.node("Mul", {gate, half}), x});
}

TEST(RecognizeActivations, TanhFormOfGelu) {
  for (bool pow : {false, true})
    for (int order : {0, 1, 2}) {
      GraphBuilder b;
      const Graph before = b.done({gelu_tanh(b, b.input({3, b.symbol("N")}), pow, order)}),
                  after = recognize_activations(before);
      ASSERT_THAT(ops(after), ElementsAre("Activation"));
      EXPECT_EQ(std::get<std::string>(after.nodes[0].attributes.at("activation")), "GeluTanh");
      expect_same_results(before, after);
    }
}

TEST(RecognizeActivations, MishAndHardSwishOfProducts) {
  GraphBuilder b;
  const ValueId x = b.input({3, 40});
  const ValueId mish = b.node("Mul", {x, b.node("Tanh", {b.node("Softplus", {x})})});
  const ValueId clip = b.node("Clip", {b.node("Add", {mish, b.scalar(3)}), b.scalar(0), b.scalar(6)});
  const Graph before = b.done({b.node("Mul", {mish, b.node("Mul", {clip, b.scalar(1.f / 6)})})}),
              after = recognize_activations(before);
  ASSERT_THAT(ops(after), ElementsAre("Activation", "Activation"));
  EXPECT_EQ(std::get<std::string>(after.nodes[0].attributes.at("activation")), "Mish");
  EXPECT_EQ(std::get<std::string>(after.nodes[1].attributes.at("activation")), "HardSwish");
  expect_same_results(before, after);
}

TEST(RecognizeActivations, LeavesOtherNumbersAndTrainedOnes) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4});
  EXPECT_EQ(recognize_activations(b.done({gelu_tanh(b, x, true, 0, 0.8f)})).nodes.size(), 8u);
  GraphBuilder t;
  const Graph g = t.done({gelu_tanh(t, t.input({3, 4}), true, 0)});
  for (const auto& [v, tensor] : g.initializers)
    EXPECT_EQ(recognize_activations(g, {v}).nodes.size(), 8u) << g.value_name(v);
}

TEST(RecognizeActivations, LeavesAnInnerValueThatIsAnOutput) {
  GraphBuilder b;
  const ValueId x = b.input({3, 4}), soft = b.node("Softplus", {x});
  const ValueId y = b.node("Mul", {x, b.node("Tanh", {soft})});
  EXPECT_THAT(ops(recognize_activations(b.done({y, soft}))), ElementsAre("Softplus", "Tanh", "Mul"));
}

TEST(RecognizeActivations, LeavesNumbersThatGiveTheResultMoreAxes) {
  GraphBuilder b;
  const ValueId x = b.input({4}), half = b.constant(b.random({1, 1, 1}, 0.5, 0.5));
  const ValueId erf = b.node("Erf", {b.node("Div", {x, b.scalar(std::sqrt(2.f))})});
  const ValueId y = b.node("Mul", {b.node("Mul", {x, b.node("Add", {erf, b.scalar(1)})}), half});
  const Graph before = b.done({y}), after = recognize_activations(before);
  EXPECT_EQ(after.nodes.size(), 5u);
  expect_same_results(before, after);
}

}  // namespace
}  // namespace dunlin
