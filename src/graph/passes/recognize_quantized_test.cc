#include "graph/passes/recognize_quantized.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/qdq_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

TEST(RecognizeQuantized, ConvolutionWithReluAndBias) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({2, 3, 6, 5}), 0.03f, 120);
  const ValueId c = b.node("Conv", {x, b.weights({8, 3, 3, 3}, 0), b.weight({8})}, "pads=[1,1,1,1]");
  const Graph before = b.done({b.there_and_back(b.node("Relu", {c}), 0.05f, 3)});
  const Graph after = recognize_quantized(before);
  EXPECT_THAT(ops(after), ElementsAre("QuantizeLinear", "QuantizedConv", "DequantizeLinear"));
  EXPECT_EQ(std::get<int64_t>(after.nodes[1].attributes.at("min")), 3);
  EXPECT_EQ(std::get<int64_t>(after.nodes[1].attributes.at("max")), 255);
  expect_one_step_at_most(before, after, 0.05);
}

TEST(RecognizeQuantized, ClipWithinTheRangeAndSignedBytes) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({1, 4, 9}), 0.03f, -7, &formats::kI8);
  const ValueId c = b.node("Conv", {x, b.weights({6, 2, 2}, 0)}, "group=2 strides=[2]");
  const ValueId y = b.node("Clip", {c, b.scalar(-0.4f), b.scalar(0.5f)});
  const Graph before = b.done({b.there_and_back(y, 0.01f, -20, &formats::kI8)}),
              after = recognize_quantized(before);
  EXPECT_THAT(ops(after), ElementsAre("QuantizeLinear", "QuantizedConv", "DequantizeLinear"));
  EXPECT_EQ(std::get<int64_t>(after.nodes[1].attributes.at("min")), -60);
  EXPECT_EQ(std::get<int64_t>(after.nodes[1].attributes.at("max")), 30);
  expect_one_step_at_most(before, after, 0.01);
}

TEST(RecognizeQuantized, ProductsOfMatrices) {
  QdqBuilder b;
  ValueId x = b.there_and_back(b.input({5, 12}), 0.02f, 128);
  x = b.there_and_back(b.node("Gemm", {x, b.weights({7, 12}, 0), b.weight({7})}, "transB=1"), 0.02f, 99);
  x = b.there_and_back(b.node("Add", {b.weight({9}), b.node("MatMul", {x, b.weights({7, 9}, 1)})}), 0.02f,
                       99);
  const ValueId last = b.node("Gemm", {x, b.weights({9, 4}, 1), b.weight({4})});
  const Graph before = b.done({last}), after = recognize_quantized(before);
  EXPECT_THAT(ops(after),
              ElementsAre("QuantizeLinear", "QuantizedMatMul", "QuantizedMatMul", "QuantizedMatMul"));
  // The last step of a byte in the middle may move, by 0.02, and reaches the output through a weight of at most
  // 128 * 0.01; one that moves before it does so through 7 of them.
  expect_one_step_at_most(before, after, 0.02 * 1.28 * 7);
}

TEST(RecognizeQuantized, SumsProductsAndPools) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({2, 3, 5, 4}), 0.04f, 90),
                z = b.there_and_back(b.input({2, 3, 5, 4}), 0.02f, 7);
  ValueId y = b.there_and_back(b.node("Relu", {b.node("Add", {x, z})}), 0.03f, 0);
  y = b.there_and_back(b.node("MaxPool", {y}, "kernel_shape=[2,2]"), 0.03f, 0);
  const ValueId mean = b.there_and_back(b.node("GlobalAveragePool", {y}), 0.02f, 0);
  y = b.there_and_back(b.node("Mul", {y, mean}), 0.05f, 1);
  y = b.there_and_back(b.node("Flatten", {y}), 0.05f, 1);
  const Graph before = b.done({y}), after = recognize_quantized(before);
  EXPECT_THAT(ops(after),
              ElementsAre("QuantizeLinear", "QuantizeLinear", "QuantizedAdd", "MaxPool",
                          "QuantizedGlobalAveragePool", "QuantizedMul", "Flatten", "DequantizeLinear"));
  // A step of a sum is 0.03, of a mean 0.02; what is multiplied is below 8.
  expect_one_step_at_most(before, after, 0.4, 0.02);
}

TEST(RecognizeQuantized, LeavesBytesThatMeanOtherNumbersBehindAPool) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({2, 3, 5, 4}), 0.04f, 90);
  const ValueId y = b.there_and_back(b.node("MaxPool", {x}, "kernel_shape=[2,2]"), 0.04f, 91);
  EXPECT_THAT(
      ops(recognize_quantized(b.done({y}))),
      ElementsAre("QuantizeLinear", "DequantizeLinear", "MaxPool", "QuantizeLinear", "DequantizeLinear"));
}

TEST(RecognizeQuantized, BiasInStepsStaysAsItIs) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({1, 2, 4}), 0.5f, 0);
  Tensor w(&formats::kI8, Shape{2, 2, 1}), bias(&formats::kI32, Shape{2});
  for (int i = 0; i < 4; ++i) w.data<int8_t>()[i] = static_cast<int8_t>(3 * i - 5);
  bias.data<int32_t>()[0] = 123456;
  bias.data<int32_t>()[1] = -7;
  const ValueId weight = b.node("DequantizeLinear", {b.constant(std::move(w)), b.scalar(0.25f)});
  const ValueId steps = b.node("DequantizeLinear", {b.constant(std::move(bias)), b.scalar(0.125f)});
  const Graph after = recognize_quantized(b.done({b.node("Conv", {x, weight, steps})}));
  ASSERT_THAT(ops(after), ElementsAre("QuantizeLinear", "QuantizedConv"));
  EXPECT_THAT(to_ints(*after.initializer(after.nodes[1].inputs[8])), ElementsAre(123456, -7));
}

/// Steps of 1 beside outputs of steps of 0.02: a bias of 0.4 would be lost.
TEST(RecognizeQuantized, ABiasFinerThanTheStepsStaysInFloats) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({1, 2, 4}), 1, 0);
  Tensor w(&formats::kI8, Shape{2, 2, 1});
  for (int i = 0; i < 4; ++i) w.data<int8_t>()[i] = static_cast<int8_t>(i - 1);
  const ValueId weight = b.node("DequantizeLinear", {b.constant(std::move(w)), b.scalar(1)});
  const ValueId c = b.node("Conv", {x, weight, b.constant(Tensor::of<float>({2}, {0.4f, -0.3f}))});
  for (const Graph& g : {b.done({c}), b.done({b.there_and_back(c, 0.02f, 128)})})
    EXPECT_THAT(ops(recognize_quantized(g)), testing::Contains("Conv"));
}

/// No kernel takes weights that leave 8 bits once their zero point is off, and the reference is slow.
TEST(RecognizeQuantized, WeightsOfNineBitsStayInFloats) {
  for (const int zero : {128, 117}) {
    QdqBuilder b;
    const ValueId x = b.there_and_back(b.input({1, 2, 4}), 0.5f, 0);
    Tensor w(&formats::kU8, Shape{2, 2, 1}), at(&formats::kU8, Shape{});
    for (int i = 0; i < 4; ++i) w.data<uint8_t>()[i] = static_cast<uint8_t>(255 - i);
    *at.data<uint8_t>() = static_cast<uint8_t>(zero);
    const ValueId weight =
        b.node("DequantizeLinear", {b.constant(std::move(w)), b.scalar(0.25f), b.constant(std::move(at))});
    const Graph after = recognize_quantized(b.done({b.node("Conv", {x, weight})}));
    EXPECT_THAT(ops(after), testing::Contains(zero == 128 ? "QuantizedConv" : "Conv"));
  }
}

TEST(RecognizeQuantized, LeavesWhatIsReadOrTrainedElsewhere) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({1, 3, 6}), 0.03f, 120);
  const ValueId w = b.weights({4, 3, 3}, 0);
  const ValueId c = b.node("Conv", {x, w});
  const ValueId y = b.there_and_back(c, 0.05f, 3);
  // Its floats are read too: it makes those, and the bytes come after.
  EXPECT_THAT(ops(recognize_quantized(b.done({y, c}))),
              ElementsAre("QuantizeLinear", "QuantizedConv", "QuantizeLinear", "DequantizeLinear"));
  const ValueId bytes = b.g.nodes[2].inputs[0];
  EXPECT_THAT(ops(recognize_quantized(b.done({y}), {bytes})), testing::Contains("Conv"));
}

TEST(RecognizeQuantized, LeavesOtherScales) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({4, 6}), 0.03f, 120);
  const ValueId by_rows = b.node("MatMul", {x, b.weights({6, 5}, 0)});
  const ValueId free_scale = b.node("DequantizeLinear", {b.quantise(x, 0.1f, 0), b.input({})});
  const ValueId y = b.node("MatMul", {free_scale, b.weights({6, 5}, 1)});
  EXPECT_THAT(ops(recognize_quantized(b.done({by_rows, y}))),
              testing::Not(testing::Contains("QuantizedMatMul")));
}

}  // namespace
}  // namespace dunlin
