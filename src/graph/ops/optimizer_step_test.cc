// ai.onnx.preview.training: what the node tests, which hold the arithmetic, do not ask.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/ops/optimizer_step.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

TEST(OptimizerStep, WhatDoesNotFitIsNamed) {
  const auto error = [](std::string_view op, std::string_view attributes, std::string_view inputs) {
    return error_of(op, attributes, inputs, kNewestOpset, ops::kPreviewTrainingDomain);
  };
  const std::string_view momentum = "alpha=0.5 beta=0.5 norm_coefficient=0.0 mode='standard'";
  EXPECT_THAT(error("Momentum", momentum, "f32[]{1} i64[]{0} f32[2] f32[2]"),
              HasSubstr("has 2 inputs after R and T: 3 for each"));
  EXPECT_THAT(error("Momentum", momentum, "f32[]{1} i64[]{0}"),
              HasSubstr("has 2 inputs, Momentum takes 3 or more"));
  EXPECT_THAT(error("Momentum", momentum, "f32[2] i64[]{0} f32[2] f32[2] f32[2]"), HasSubstr("R is [2]"));
  EXPECT_THAT(error("Momentum", momentum, "f32[]{1} i64[]{0} f32[2] f32[3] f32[2]"), HasSubstr("one shape"));
  EXPECT_THAT(error("Momentum", momentum, "f32[]{1} i64[]{0} f32[2] f32[2] f64[2]"), HasSubstr("one type"));
  EXPECT_THAT(error("Momentum", "alpha=0.5", "f32[]{1} i64[]{0} f32[2] f32[2] f32[2]"),
              HasSubstr("beta is missing"));
  EXPECT_THAT(error("Momentum", "alpha=0.5 beta=0.5 norm_coefficient=0.0 mode='x'",
                    "f32[]{1} i64[]{0} f32[2] f32[2] f32[2]"),
              HasSubstr("mode is \"x\""));
  EXPECT_THAT(error("Adam", "", "f32[]{1} i64[]{0} f32[2] f32[2] f32[2]"), HasSubstr("4 for each"));
  EXPECT_THAT(error("Adagrad", "", "f32[]{1} i64[]{0} f32[2] f32[2] f32[2] f32[2]"), HasSubstr("3 for each"));
}

// ONNX's test_adam_multiple with the epsilon that its expected outputs were computed with.
TEST(OptimizerStep, AdamOverTwoTensors) {
  const auto y =
      run_op("Adam", "alpha=0.95 beta=0.85 norm_coefficient=0.001 epsilon=0.01",
             "f32[]{0.1} i64[]{0} f32{1} f32{1,2} f32{-1} f32{-1,-3} f32{2} f32{4,1} f32{0.5} f32{1,10}", 21,
             6, ops::kPreviewTrainingDomain);
  const std::vector<double> want[] = {{0.75913626}, {0.6286528, 1.9745853}, {1.85005}, {3.75005, 0.8001},
                                      {0.5747002},  {0.9997002, 9.848201}};
  for (size_t i = 0; i < 6; ++i) expect_near(numbers_of(y[i]), want[i], 1e-6);
}

TEST(OptimizerStep, AFirstAdamStepIsTheLearningRate) {
  const auto y = run_op("Adam", "epsilon=1e-12", "f64[]{0.5} i64[]{1} f64{1,2} f64{7,-3} f64{0,0} f64{0,0}",
                        21, 3, ops::kPreviewTrainingDomain);
  expect_near(numbers_of(y[0]), {0.5, 2.5}, 1e-9);
}

}  // namespace
}  // namespace dunlin
