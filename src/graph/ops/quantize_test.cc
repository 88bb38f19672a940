// Quantised ops against exact arithmetic: with scales that are powers of two nothing rounds but the last step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Quantize, TiesGoToEvenAndEndsSaturate) {
  EXPECT_THAT(numbers_of(run_op("QuantizeLinear", "",
                                "f32{0.5,1.5,2.5,-0.5,-1.5,1000,-1000,inf,-inf,nan} f32[]{1} u8[]{10}")[0]),
              ElementsAre(10, 12, 12, 10, 8, 255, 0, 255, 0, 0));
  EXPECT_THAT(numbers_of(run_op("QuantizeLinear", "", "f32{300,-300,2} f32[]{2} i8[]{-3}", 10)[0]),
              ElementsAre(127, -128, -2));
  EXPECT_THAT(numbers_of(run_op("QuantizeLinear", "output_dtype=5", "f32{1e6,-1e6,3} f32[]{1}")[0]),
              ElementsAre(32767, -32768, 3));
}

TEST(Quantize, ScalesByAxisAndByBlock) {
  EXPECT_THAT(numbers_of(run_op("QuantizeLinear", "axis=0", "f32[2,3]{1,2,3,4,5,6} f32{1,2} u8{0,1}")[0]),
              ElementsAre(1, 2, 3, 3, 3, 4));
  // Blocks of two along an axis of three: the last is cut off.
  const std::string x = "f32[2,3]{8,16,24,-8,-16,-24}", scale = " f32[2,2]{1,2,4,8}";
  EXPECT_THAT(numbers_of(run_op("QuantizeLinear", "axis=1 block_size=2 output_dtype=3", x + scale)[0]),
              ElementsAre(8, 16, 12, -2, -4, -3));
  EXPECT_THAT(numbers_of(run_op("DequantizeLinear", "axis=1 block_size=2",
                                "i8[2,3]{8,16,12,-2,-4,-3}" + scale + " i8[2,2]{0,0,0,1}")[0]),
              ElementsAre(8, 16, 24, -8, -16, -32));
  EXPECT_THAT(numbers_of(run_op("DequantizeLinear", "axis=0 block_size=2",
                                "i8[3,2]{1,2,3,4,5,6} f32[2,2]{1,2,4,8}")[0]),
              ElementsAre(1, 4, 3, 8, 20, 48));
}

TEST(Quantize, IntegerSumsWrapIn32Bits) {
  // 40000 * 255 * 255 is beyond 2^31.
  const auto y = run_op("MatMulInteger", "", "u8[1,40000]@255..256 u8[40000,1]@255..256");
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(static_cast<double>(40000LL * 255 * 255 - (1LL << 32))));
}

TEST(Quantize, PaddingOfConvIntegerIsTheZeroPoint) {
  EXPECT_THAT(
      numbers_of(run_op("ConvInteger", "pads=[1,1]", "u8[1,1,2]{7,9} u8[1,1,3]{1,2,3} u8[]{7} u8[]{1}")[0]),
      ElementsAre(4, 2));
}

/// Dequantised, computed in float, quantised: the same where float is exact.
TEST(Quantize, ProductsAgreeWithFloatOnes) {
  const std::string a = "u8[2,2,3]{1,200,3,40,5,60,7,80,9,10,110,12}", a_scale = "f32[2,2,1]{0.5,0.25,1,2}",
                    a_zero = "u8[2,2,1]{3,100,0,7}", b = "i8[3,2]{1,-2,30,-40,5,6}", b_scale = "f32{0.125,4}",
                    b_zero = "i8{1,-1}";
  const auto y = numbers_of(
      run_op("QLinearMatMul", "", a + a_scale + a_zero + b + b_scale + b_zero + "f32[]{8} u8[]{100}")[0]);
  const double as[] = {0.5, 0.25, 1, 2}, az[] = {3, 100, 0, 7}, bs[] = {0.125, 4}, bz[] = {1, -1};
  const double av[] = {1, 200, 3, 40, 5, 60, 7, 80, 9, 10, 110, 12}, bv[] = {1, -2, 30, -40, 5, 6};
  for (size_t row = 0; row < 4; ++row)
    for (size_t column = 0; column < 2; ++column) {
      double sum = 0;
      for (size_t k = 0; k < 3; ++k)
        sum += (av[row * 3 + k] - az[row]) * as[row] * (bv[k * 2 + column] - bz[column]) * bs[column];
      EXPECT_EQ(y[row * 2 + column], std::clamp(std::nearbyint(sum / 8) + 100, 0., 255.)) << row << column;
    }
}

TEST(Quantize, ConvolutionAgreesWithFloatOne) {
  const auto y = run_op("QLinearConv", "pads=[1,0]",
                        "u8[1,2,4]{10,20,30,40,5,6,7,8} f32[]{0.5} u8[]{6} i8[2,2,2]{1,2,3,-4,-5,6,7,8} "
                        "f32{0.25,2} i8{1,-2} f32[]{4} u8[]{128} i32{16,-8}");
  const auto conv =
      run_op("Conv", "pads=[1,0]",
             "f32[1,2,4]{2,7,12,17,-0.5,0,0.5,1} f32[2,2,2]{0,0.25,0.5,-1.25,-6,16,18,20} f32{2,-8}");
  std::vector<double> want = numbers_of(conv[0]);
  for (double& v : want) v = std::clamp(std::nearbyint(v / 4) + 128, 0., 255.);
  EXPECT_EQ(numbers_of(y[0]), want);
}

TEST(Quantize, RangeOfZerosAndOfOneSign) {
  const auto zero = run_op("DynamicQuantizeLinear", "", "f32{0,0}", 21, 3);
  EXPECT_THAT(numbers_of(zero[0]), ElementsAre(0, 0));
  const auto y = run_op("DynamicQuantizeLinear", "", "f32{-255,-1,-128}", 21, 3);
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(0, 254, 127));
  EXPECT_THAT(numbers_of(y[1]), ElementsAre(1));
  EXPECT_THAT(numbers_of(y[2]), ElementsAre(255));
}

TEST(Quantize, WhatDoesNotFitIsNamed) {
  const auto expect = [](std::string_view op, std::string_view attributes, std::string_view inputs,
                         const char* words, int opset = kNewestOpset) {
    EXPECT_THAT(error_of(op, attributes, inputs, opset),
                testing::AllOf(HasSubstr("sample"), HasSubstr(words)))
        << inputs;
  };
  expect("QuantizeLinear", "", "f32[2,3] f32{1,2}", "the scale is [2], [3] is expected");
  expect("QuantizeLinear", "axis=2", "f32[2,3] f32{1,2,3}", "axis 2 is outside");
  expect("QuantizeLinear", "", "f32[2,3] f32{1,2,3}", "before opset 13 a scalar", 10);
  expect("QuantizeLinear", "", "f32[2,3] f32[]{1} f32[]{1}", "the output is f32");
  expect("QuantizeLinear", "output_dtype=3", "f32[2] f32[]{1} u8[]{1}",
         "output_dtype is i8, the zero point u8");
  expect("QuantizeLinear", "output_dtype=99", "f32[2] f32[]{1}", "output_dtype 99 is not supported");
  expect("QuantizeLinear", "block_size=-1", "f32[2,2] f32[2,2]", "block_size is -1");
  expect("QuantizeLinear", "block_size=4611686018427387904", "f32[2,2] f32[2,2]", "[2,1] is expected");
  expect("QuantizeLinear", "", "f32[2,3] f32{1,2,3} u8{1,2}", "zero point [2]");
  expect("DequantizeLinear", "", "u8[2] f32[]{1} i8[]{1}", "x is u8, the zero point i8");
  expect("DequantizeLinear", "", "f32[2] f32[]{1}", "x is f32");
  expect("DynamicQuantizeLinear", "", "f64[2]", "x is f64");
  expect("MatMulInteger", "", "u8[2,3] u8[4,2]", "inner sizes differ");
  expect("MatMulInteger", "", "u8[2,3] u8[3,2] u8{1,2,3}", "one for each row of [2,3]");
  expect("MatMulInteger", "", "u8[2,3] u8[3,2] u8[]{1} u8[2,1]{1,2}", "one for each column of [3,2]");
  expect("MatMulInteger", "", "i32[2,3] u8[3,2]", "A is i32, u8 or i8 is supported");
  expect("ConvInteger", "", "u8[1,1,3] u8[2,1,2] u8{1,2}", "zero point of x");
  expect("ConvInteger", "", "u8[1,1,3] u8[2,1,2] u8[]{1} u8{1,2,3}", "a scalar or [2] is expected");
  expect("QLinearMatMul", "", "u8[2,3] f32[]{1} u8[]{1} u8[3,2] f32[]{1} u8[]{1} f32{1,2} u8[]{1}",
         "scale of y is [2]");
  expect("QLinearConv", "", "u8[1,1,3] f32[]{1} u8[]{1} u8[2,1,2] f32[]{1} u8[]{1} f32[]{1} u8[]{1} i32{1}",
         "the bias is [1], [2] is expected");
}

}  // namespace
}  // namespace dunlin
