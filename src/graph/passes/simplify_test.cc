#include "graph/passes/simplify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

ValueId zero(GraphBuilder& b, uint8_t v) { return b.constant(Tensor::of<uint8_t>({}, {v})); }

/// DequantizeLinear(QuantizeLinear(x)), with constants written twice as exporters do.
ValueId quantised(GraphBuilder& b, ValueId x, float scale, float scale_back) {
  return b.node("DequantizeLinear", {b.node("QuantizeLinear", {x, b.scalar(scale), zero(b, 128)}),
                                     b.scalar(scale_back), zero(b, 128)});
}

/// Weights are folded, quantisation that goes there and back is one step, and not a bit changes.
TEST(Simplify, QuantisedConvolution) {
  GraphBuilder b;
  Tensor w(&formats::kI8, Shape{2, 3, 1, 1});
  for (int i = 0; i < 6; ++i) w.data<int8_t>()[i] = static_cast<int8_t>(40 * i - 100);
  const ValueId weight = b.node("DequantizeLinear", {b.constant(std::move(w)), b.scalar(0.013f)});
  const ValueId c = b.node("Conv", {quantised(b, b.input({1, 3, 4, 4}), 0.031f, 0.031f), weight});
  const Graph before = b.done({quantised(b, c, 0.057f, 0.057f)}), after = simplify(before);
  EXPECT_THAT(ops(before), ElementsAre("QuantizeLinear", "DequantizeLinear", "Conv", "QuantizeLinear",
                                       "DequantizeLinear"));
  EXPECT_THAT(ops(after), ElementsAre("FakeQuantize", "Conv", "FakeQuantize"));
  expect_same_results(before, after, 0);
}

TEST(Simplify, LeavesQuantisationThatRescales) {
  GraphBuilder b;
  const Graph before = b.done({quantised(b, b.input({4, 4}), 0.03f, 0.04f)}), after = simplify(before);
  EXPECT_THAT(ops(after), ElementsAre("QuantizeLinear", "DequantizeLinear"));
  expect_same_results(before, after, 0);
}

TEST(Simplify, QuantisationByManyChannels) {
  constexpr int64_t kChannels = 20'000;
  GraphBuilder b;
  const Tensor scale = b.random({kChannels}, 0.01, 0.02);
  const ValueId zeros = b.constant(Tensor(&formats::kU8, {kChannels}));
  const ValueId q = b.node("QuantizeLinear", {b.input({1, kChannels}), b.constant(scale.clone()), zeros});
  const Graph before = b.done({b.node("DequantizeLinear", {q, b.constant(scale.clone()), zeros})});
  EXPECT_THAT(ops(simplify(before)), ElementsAre("FakeQuantize"));
}

/// A block as exporters write it below opset 17: what one pass leaves, the next one sees.
TEST(Simplify, NormOfWhatViewsAndDropoutHide) {
  GraphBuilder b;
  const int64_t n = b.symbol("N");
  ValueId x = b.node("Identity", {b.input({n, 4, 6})});
  x = b.node("Reshape", {b.node("Reshape", {x, b.ints({-1, 24})}), b.ints({-1, 4, 6})});
  const ValueId mean = b.node("ReduceMean", {x, b.ints({-1})});
  const ValueId d = b.node("Sub", {x, mean}), again = b.node("Sub", {x, mean});
  const ValueId variance = b.node("ReduceMean", {b.node("Pow", {d, b.scalar(2)}), b.ints({-1})});
  const ValueId y = b.node("Div", {again, b.node("Sqrt", {b.node("Add", {variance, b.scalar(1e-5f)})})});
  const ValueId gate = b.node("Sigmoid", {b.node("Dropout", {y})});
  const Graph before = b.done({b.node("Mul", {gate, y})}), after = simplify(before);
  EXPECT_THAT(ops(after), ElementsAre("LayerNormalization", "Activation"));
  expect_same_results(before, after);
}

}  // namespace
}  // namespace dunlin
