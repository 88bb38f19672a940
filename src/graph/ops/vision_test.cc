// GridSample, RoiAlign, MaxUnpool, AffineGrid, Col2Im, CenterCropPad, Det and NonMaxSuppression against PyTorch's numbers and exact arithmetic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/testing/gradient_of.h"
#include "graph/testing/noise.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string noise_list(size_t count, uint64_t key, double scale) {
  std::string text = "{";
  for (size_t i = 0; i < count; ++i)
    text += fmt::format("{:.17g},", scale * static_cast<double>(golden_noise(i, key)));
  return text + "}";
}

// torch 1.13, grid_sample in float64: y, the sum of x * dx and dgrid for weights noise(i, 3) of the outputs.
struct Golden {
  const char *mode, *padding;
  int align_corners;
  std::vector<double> y;
  double x_dx;
  std::vector<double> dgrid;
};

const Golden kGolden[] = {
    {"linear",
     "zeros",
     0,
     {0, 0.3695265, 0, 0.0249099, 0, -0.5364193, 0, -0.0958737},
     -0.0074272,
     {0, 0, -0.2888192, -0.0955371, 0, 0, 0.2605128, 0.0058070}},
    {"linear",
     "zeros",
     1,
     {0.0672436, 0.2508348, -0.0086077, 0.0978945, -0.2033901, -0.4517240, -0.2188794, -0.3238526},
     0.1369370,
     {-0.1227435, 0.0312434, -0.2434025, -0.0631207, -0.4981806, 0.1844451, 0.1964821, 0.0118208}},
    {"linear",
     "border",
     0,
     {0.1232124, 0.3695265, -0.0332086, 0.0918041, -0.3980903, -0.5364193, -0.8444365, -0.3533381},
     0.4898004,
     {0, 0.0969432, -0.2888192, -0.0955371, 0, 0, 0, 0.0214015}},
    {"linear",
     "border",
     1,
     {0.1390972, 0.2508348, -0.0332086, 0.1181583, -0.4207237, -0.4517240, -0.8444365, -0.3908889},
     0.4772632,
     {0, 0.0646288, -0.2434025, -0.0631207, 0, 0, 0, 0.0142676}},
    {"linear",
     "reflection",
     0,
     {0.1870115, 0.3695265, 0.0282070, 0.0918041, -0.4100575, -0.5364193, -0.7120271, -0.3533381},
     0.4303533,
     {-0.4583047, 0.0365216, -0.2888192, -0.0955371, -0.6272693, 0, 0, 0.0214015}},
    {"linear",
     "reflection",
     1,
     {0.2988522, 0.2508348, -0.0572996, 0.1776899, -0.4357815, -0.4517240, -0.4095944, -0.4036304},
     0.3215781,
     {-0.3338347, -0.0456057, -0.2434025, -0.0631207, -0.2209881, 0.1145659, 0.3473627, 0.0311251}},
    {"nearest", "zeros", 0, {0, 0.1543440, 0, 0, 0, -0.4400812, 0, 0}, -0.0893901, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"nearest",
     "zeros",
     1,
     {0, 0.1543440, 0, 0.1708666, 0, -0.4400812, 0, -0.4659906},
     0.0430613,
     {0, 0, 0, 0, 0, 0, 0, 0}},
    {"nearest",
     "border",
     0,
     {0.1708666, 0.1543440, -0.0332086, 0.1708666, -0.4659906, -0.4400812, -0.8444365, -0.4659906},
     0.4513688,
     {0, 0, 0, 0, 0, 0, 0, 0}},
    {"nearest",
     "border",
     1,
     {0.1708666, 0.1543440, -0.0332086, 0.1708666, -0.4659906, -0.4400812, -0.8444365, -0.4659906},
     0.4513688,
     {0, 0, 0, 0, 0, 0, 0, 0}},
    {"nearest",
     "reflection",
     0,
     {0.1708666, 0.1543440, -0.0332086, 0.1708666, -0.4659906, -0.4400812, -0.8444365, -0.4659906},
     0.4513688,
     {0, 0, 0, 0, 0, 0, 0, 0}},
    {"nearest",
     "reflection",
     1,
     {0.4226719, 0.1543440, 0.1543440, 0.1708666, -0.4266424, -0.4400812, -0.4400812, -0.4659906},
     0.3470988,
     {0, 0, 0, 0, 0, 0, 0, 0}},
    {"cubic",
     "zeros",
     0,
     {-0.0085715, 0.5196395, 0.0000554, -0.0056464, 0.0379335, -0.6803455, 0.0018366, -0.0840273},
     0.0263851,
     {-0.0589228, -0.0439816, -0.3624265, -0.3159855, -0.0001680, -0.0663124, 0.4769409, -0.0747311}},
    {"cubic",
     "zeros",
     1,
     {0.0286363, 0.3207434, -0.0071456, 0.0405455, -0.2028566, -0.6332957, -0.2834925, -0.3333255},
     0.1592102,
     {-0.2368189, 0.1852033, -0.3702728, -0.2102832, -0.7488598, 0.2084092, 0.1330771, -0.2112137}},
    {"cubic",
     "border",
     0,
     {0.0940063, 0.4605305, -0.0330759, 0.0328082, -0.4087054, -0.6144168, -0.8449032, -0.3614217},
     0.5216375,
     {0, 0.4464740, -0.3366011, -0.3151839, 0, 0.0236246, 0.1102373, -0.2428122}},
    {"cubic",
     "border",
     1,
     {0.0908428, 0.2621078, -0.0147343, 0.0561572, -0.4257778, -0.5682215, -0.9924147, -0.3951883},
     0.5289868,
     {-0.0654016, 0.3501369, -0.3515835, -0.2105452, -0.1367801, -0.0120676, -0.1019349, -0.2274321}},
    {"cubic",
     "reflection",
     0,
     {0.1668804, 0.4605305, -0.0055397, -0.0094123, -0.4253593, -0.6144168, -0.7147405, -0.3463036},
     0.5088959,
     {-0.6473684, 0.3958959, -0.3366011, -0.3151839, -0.6390241, 0.2920186, 0.1566623, -0.2538310}},
    {"cubic",
     "reflection",
     1,
     {0.3281396, 0.3191271, -0.1439992, 0.1187375, -0.4668771, -0.6034839, -0.5090527, -0.4068036},
     0.4493215,
     {-0.5677631, 0.2357219, -0.3313390, -0.2264386, -0.4076583, -0.1272175, 0.3692838, -0.2126844}},
};

TEST(GridSample, AgreesWithPyTorch) {
  const std::string x = "f64[1,2,3,4]" + noise_list(24, 1, 1), grid = "f64[1,2,2,2]" + noise_list(8, 2, 1.7);
  for (const Golden& g : kGolden) {
    SCOPED_TRACE(fmt::format("{} {} {}", g.mode, g.padding, g.align_corners));
    const std::string attributes =
        fmt::format("mode='{}' padding_mode='{}' align_corners={}", g.mode, g.padding, g.align_corners);
    expect_near(numbers_of(run_op("GridSample", attributes, x + grid)[0]), g.y, 1e-6);
    const auto d = run_op("GridSampleGrad", attributes, "f64[1,2,2,2]" + noise_list(8, 3, 1) + x + grid, 21,
                          2, kDunlinDomain);
    double x_dx = 0;
    const std::vector<double> dx = numbers_of(d[0]);
    for (size_t i = 0; i < dx.size(); ++i) x_dx += dx[i] * static_cast<double>(golden_noise(i, 1));
    EXPECT_NEAR(x_dx, g.x_dx, 1e-6);
    expect_near(numbers_of(d[1]), g.dgrid, 1e-6);
  }
  expect_near(numbers_of(run_op(
                  "GridSample", "",
                  "f64[1,1,2,3,4]" + noise_list(24, 1, 1) + "f64[1,1,1,2,3]" + noise_list(6, 2, 1.2))[0]),
              {-0.0884736672670271, 0.2499566619881951}, 1e-6);
}

TEST(GridSample, PointsFarAwayAndNoNumbers) {
  const std::string x = "f32[1,1,1,2]{3,5}", grid = "f32[1,1,5,2]{1e30,0,-1e30,0,inf,0,-inf,0,nan,0}";
  for (const char* mode : {"linear", "nearest", "cubic"}) {
    SCOPED_TRACE(mode);
    const auto zeros = numbers_of(run_op("GridSample", fmt::format("mode='{}'", mode), x + grid)[0]);
    EXPECT_EQ(std::vector<double>(zeros.begin(), zeros.begin() + 4), (std::vector<double>{0, 0, 0, 0}));
    EXPECT_TRUE(std::isnan(zeros[4]));
    const auto border =
        numbers_of(run_op("GridSample", fmt::format("mode='{}' padding_mode='border'", mode), x + grid)[0]);
    EXPECT_EQ(std::vector<double>(border.begin(), border.begin() + 4), (std::vector<double>{5, 3, 5, 3}));
    const auto reflected = numbers_of(
        run_op("GridSample", fmt::format("mode='{}' padding_mode='reflection'", mode), x + grid)[0]);
    for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(reflected[i] >= 2 && reflected[i] <= 6) << reflected[i];
  }
}

TEST(GridSample, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(error_of("GridSample", "", "f32[1,1,2,2] f32[2,1,1,2]"),
              HasSubstr("[N, out..., spatial axes]"));
  EXPECT_THAT(error_of("GridSample", "", "f32[1,1,2,2] f32[1,1,1,3]"),
              HasSubstr("[N, out..., spatial axes]"));
  EXPECT_THAT(error_of("GridSample", "", "f32[1,1,0,2] f32[1,1,1,2]"), HasSubstr("nothing can be sampled"));
  EXPECT_THAT(error_of("GridSample", "mode='area'", "f32[1,1,2,2] f32[1,1,1,2]"), HasSubstr("mode is area"));
  EXPECT_THAT(error_of("GridSample", "padding_mode='wrap'", "f32[1,1,2,2] f32[1,1,1,2]"),
              HasSubstr("is wrap"));
  EXPECT_THAT(error_of("GridSample", "", "f32[1,1,2,2,2] f32[1,1,1,1,3]", 16), HasSubstr("two spatial axes"));
}

// On a plane a + b x + c y the mean of a bin is the plane's value at its middle, the largest that of a corner.
TEST(GridSample, GivesTheGradientsThatAreAsked) {
  const SampleCase s =
      make_sample(*find_op("", "GridSample", 20), {"mode='cubic'", "f64[1,2,4,4] f64[1,3,2,2]", 20, 1}, 1);
  const auto gradients = [&](std::initializer_list<size_t> wrt, bool dx, bool dgrid) {
    const Graph g = gradient_of(s, wrt);
    for (const Node& n : g.nodes)
      if (n.op == "GridSampleGrad") {
        EXPECT_EQ(n.outputs[0] != kNoValue, dx);
        EXPECT_EQ(n.outputs.size() > 1, dgrid);
      }
    return evaluate(g, s.inputs);
  };
  const auto both = gradients({0, 1}, true, true);
  EXPECT_EQ(numbers_of(gradients({0}, true, false)[0]), numbers_of(both[0]));
  EXPECT_EQ(numbers_of(gradients({1}, false, true)[0]), numbers_of(both[1]));
}

TEST(Vision, OtherElementsThanFloatsAreNamed) {
  const auto error = [](const char* op, std::string_view inputs, std::string_view attributes = "") {
    const std::string e = error_of(op, attributes, inputs);
    EXPECT_THAT(e, HasSubstr(fmt::format("{} \"sample\": input", op)));
    EXPECT_THAT(e, HasSubstr("floating point is supported"));
  };
  error("Det", "i32[2,2]");
  error("GridSample", "i32[1,1,2,2] f32[1,2,2,2]");
  error("GridSample", "f32[1,1,2,2] i64[1,2,2,2]");
  error("RoiAlign", "i32[1,1,4,4] f32[1,4] i64{0}");
  error("AffineGrid", "i32[1,2,3] i64{1,1,2,2}");
  error("MaxUnpool", "i64[1,1,2,2] i64[1,1,2,2]{0,1,2,3}", "kernel_shape=[2,2] strides=[2,2]");
}

TEST(RoiAlign, OnAPlane) {
  std::string plane = "f32[1,1,8,8]{";
  for (int i = 0; i < 64; ++i) plane += fmt::format("{},", 3 + 2 * (i % 8) + 5 * (i / 8));
  const std::string inputs = plane + "} f32[1,4]{1,2,5,6} i64{0}";
  const auto at = [](double x, double y) { return 3 + 2 * x + 5 * y; };
  for (int ratio : {0, 1, 3}) {
    const std::string size = fmt::format("output_height=2 output_width=2 sampling_ratio={}", ratio);
    expect_near(numbers_of(run_op("RoiAlign", size + " coordinate_transformation_mode='output_half_pixel'",
                                  inputs)[0]),
                {at(2, 3), at(4, 3), at(2, 5), at(4, 5)}, 1e-5);
    expect_near(numbers_of(run_op("RoiAlign", size, inputs)[0]),
                {at(1.5, 2.5), at(3.5, 2.5), at(1.5, 4.5), at(3.5, 4.5)}, 1e-5);
  }
  expect_near(numbers_of(run_op("RoiAlign", "mode='max' sampling_ratio=2 spatial_scale=0.5",
                                plane + "} f32[1,4]{3,5,11,13} i64{0}")[0]),
              {at(4, 5)}, 1e-5);
}

/// One sample at (1.25, 0.5): corners 2, 3, 6, 7 weigh 3/8, 1/8, 3/8, 1/8; the largest product is 18/8 of the
/// element 6, which takes all the gradient. The interpolated sum would be 4.25.
TEST(RoiAlign, MaximumIsOfTheWeightedCorners) {
  const std::string how = "mode='max' sampling_ratio=1",
                    inputs = "f32[1,1,2,4]{1,2,3,4,5,6,7,8} f32[1,4]{1.75,1,1.75,1} i64{0}";
  EXPECT_THAT(numbers_of(run_op("RoiAlign", how, inputs)[0]), ElementsAre(2.25));
  EXPECT_THAT(numbers_of(run_op("RoiAlignGrad", how, "f32[1,1,1,1]{8} " + inputs, 21, 1, "dunlin")[0]),
              ElementsAre(0, 0, 0, 0, 0, 3, 0, 0));
  // Of negative numbers the one that weighs least is the largest, a corner without weight among them.
  EXPECT_THAT(
      numbers_of(run_op("RoiAlign", how, "f32[1,1,1,3]{-1,-2,-3} f32[1,4]{1.75,0.5,1.75,0.5} i64{0}")[0]),
      ElementsAre(0));
}

TEST(RoiAlign, AbsurdRegionsAreRefusedAndSmallOnesAreNot) {
  const std::string x = "f32[1,1,4,4] ";
  EXPECT_THAT(error_of("RoiAlign", "", x + "f32[1,4]{0,0,1e30,1} i64{0}"), HasSubstr("samples an axis"));
  EXPECT_THAT(error_of("RoiAlign", "", x + "f32[1,4]{0,0,nan,1} i64{0}"), HasSubstr("samples an axis"));
  EXPECT_THAT(error_of("RoiAlign", "sampling_ratio=4611686018427387904", x + "f32[1,4]{0,0,1,1} i64{0}"),
              HasSubstr("samples an axis"));
  EXPECT_THAT(error_of("RoiAlign", "output_width=4611686018427387904", x + "f32[1,4] i64{0}"),
              HasSubstr("output_width is"));
  EXPECT_THAT(error_of("RoiAlign", "sampling_ratio=-1", x + "f32[1,4] i64{0}"),
              HasSubstr("sampling_ratio is -1"));
  EXPECT_THAT(error_of("RoiAlign", "", x + "f32[1,4] i64{1}"), HasSubstr("batch index 1 is outside [0, 1)"));
  EXPECT_THAT(error_of("RoiAlign", "", x + "f32[1,5] i64{0}"), HasSubstr("[rois, 4]"));
  EXPECT_THAT(error_of("RoiAlign", "mode='sum'", x + "f32[1,4] i64{0}"), HasSubstr("mode is sum"));
  EXPECT_EQ(numbers_of(run_op("RoiAlign", "", x + "f32[1,4]{3,3,1,1} i64{0}")[0]), std::vector<double>{0});
  // Each axis within its bounds, 2^40 samples together.
  const std::string many = "output_height=1024 output_width=1024 sampling_ratio=1024";
  EXPECT_THAT(error_of("RoiAlign", many, x + "f32[1,4]{0,0,1,1} i64{0}"),
              HasSubstr("at most 2^34 are supported"));
  EXPECT_THAT(
      error_of("RoiAlignGrad", many, "f32[1,1,1024,1024] " + x + "f32[1,4]{0,0,1,1} i64{0}", 21, "dunlin"),
      HasSubstr("at most 2^34 are supported"));
  // So many channels and regions that few samples each come to too much.
  EXPECT_THAT(error_of("RoiAlign", "output_height=64 output_width=64 sampling_ratio=64",
                       "f32[1,64,1,1] f32[32,4] i64[32]@0..1"),
              HasSubstr("at most 2^34 are supported"));
}

TEST(MaxUnpool, WhatDoesNotFitIsNamed) {
  const std::string x = "f32[1,1,2,2] ";
  EXPECT_THAT(error_of("MaxUnpool", "kernel_shape=[2,2] strides=[2,2]", x + "i64[1,1,2,2]{0,1,2,16}"),
              HasSubstr("index 16 is outside the unpooled [1,1,4,4]"));
  EXPECT_THAT(error_of("MaxUnpool", "kernel_shape=[2,2]", x + "i64[1,1,2,2]{0,1,2,-1}"),
              HasSubstr("index -1"));
  EXPECT_THAT(error_of("MaxUnpool", "kernel_shape=[2]", x + "i64[1,1,2,2]{0,1,2,3}"),
              HasSubstr("kernel_shape has 1"));
  EXPECT_THAT(error_of("MaxUnpool", "", x + "i64[1,1,2,2]{0,1,2,3}"), HasSubstr("kernel_shape is missing"));
  EXPECT_THAT(
      error_of("MaxUnpool", "kernel_shape=[2,2] strides=[2,2]", x + "i64[1,1,2,2]{0,1,2,3} i64{1,1,3,4}"),
      HasSubstr("output_shape is [1,1,3,4], at least [1,1,4,4]"));
  EXPECT_THAT(error_of("MaxUnpool", "kernel_shape=[2,2] strides=[4611686018427387904,1]",
                       x + "i64[1,1,2,2]{0,1,2,3}"),
              HasSubstr("strides holds"));
  EXPECT_THAT(error_of("MaxUnpool", "kernel_shape=[2,2] pads=[3,0,3,0]", x + "i64[1,1,2,2]{0,1,2,3}"),
              HasSubstr("would have -3 elements"));
}

TEST(AffineGrid, AgreesWithPyTorch) {
  const std::string theta = "f64[1,2,3]{1,0.5,-0.25,0.25,-2,0.75} i64{1,1,2,3}";
  expect_near(
      numbers_of(run_op("AffineGrid", "", theta)[0]),
      {-7. / 6, 19. / 12, -0.5, 1.75, 1. / 6, 23. / 12, -2. / 3, -5. / 12, 0, -0.25, 2. / 3, -1. / 12},
      1e-12);
  expect_near(numbers_of(run_op("AffineGrid", "align_corners=1", theta)[0]),
              {-1.75, 2.5, -0.75, 2.75, 0.25, 3, -0.75, -1.5, 0.25, -1.25, 1.25, -1}, 1e-12);
  expect_near(
      numbers_of(run_op("AffineGrid", "",
                        "f64[1,3,4]{1,0.5,-0.25,0.1,0.25,-2,0.75,0.2,0.5,0.25,1.5,-0.3} i64{1,1,2,1,2}")[0]),
      {-0.275, -0.3, -1.3, 0.725, -0.05, -0.8, -0.525, 0.45, 0.2, 0.475, 0.7, 0.7}, 1e-12);
  EXPECT_THAT(error_of("AffineGrid", "", "f32[1,2,3] i64{1,1,2}"), HasSubstr("size [1,1,2]"));
  EXPECT_THAT(error_of("AffineGrid", "", "f32[1,2,4] i64{1,1,2,2}"), HasSubstr("[N, 2, 3]"));
  EXPECT_THAT(error_of("AffineGrid", "", "f32[1,2,3] i64{1,1,-2,2}"), HasSubstr("-2"));
  EXPECT_EQ(error_of("AffineGrid", "", "f32[0,2,3] i64{0,1,1048576,1048576}"), "");
}

/// Whatever is not known yet of one may fit the other, and what is known must.
TEST(AffineGrid, GradientInfersFromUnknownSizesToo) {
  const SampleCase s =
      make_sample(*find_op("dunlin", "AffineGridGrad", 1), {"", "f32[2,4,5,2] f32[2,2,3]", 1, 1}, 1);
  const auto infer = [&](Shape grid, Shape theta) {
    const Type types[] = {{.format = &formats::kF32, .shape = grid},
                          {.format = &formats::kF32, .shape = theta}};
    const Tensor* const constants[] = {nullptr, nullptr};
    return to_string(infer_node(s.graph, s.graph.nodes[0], types, constants)[0]);
  };
  EXPECT_EQ(infer({2, 4, 5, 2}, {2, kUnknownDim, 3}), "f32[2,?,3]");
  EXPECT_EQ(infer({kUnknownDim, 4, 5, kUnknownDim}, {2, 2, 3}), "f32[2,2,3]");
  EXPECT_EQ(infer({2, 3, 4, 5, 3}, {kUnknownDim, 3, 4}), "f32[?,3,4]");
  EXPECT_THROW(infer({2, 4, 5, 3}, {2, 2, 3}), Error);
  EXPECT_THROW(infer({2, 4, 5, 2}, {2, 3, 3}), Error);
  EXPECT_THROW(infer({2, 4, 5, 2}, {3, kUnknownDim, 3}), Error);
  EXPECT_THROW(infer({2}, {2, 2, 3}), Error);
  EXPECT_THROW(infer({}, {2, 2, 3}), Error);
}

TEST(ConvTranspose, AbsurdSizesAreRefused) {
  EXPECT_THAT(error_of("ConvTranspose", "group=4611686018427387904", "f32[1,0,1] f32[0,4,1]"),
              HasSubstr("too many channels"));
  EXPECT_THAT(error_of("ConvTranspose", "strides=[2147483648]", "f32[1,0,1099511627776] f32[0,1,1]"),
              HasSubstr("2^30 elements at most"));
}

TEST(Pool, KernelsAreBounded) {
  EXPECT_THAT(error_of("MaxPool", "kernel_shape=[4611686018427387904] dilations=[4]", "f32[1,1,4]"),
              HasSubstr("the kernel holds"));
}

TEST(Col2Im, AgreesWithPyTorch) {
  std::string x = "f64[1,8,6]{", dilated = "f64[1,4,4]{";
  for (int i = 1; i <= 48; ++i) x += fmt::format("{},", i);
  for (int i = 1; i <= 16; ++i) dilated += fmt::format("{},", i);
  const auto y = run_op("Col2Im", "pads=[1,0,1,0] strides=[2,1]", x + "} i64{4,3} i64{2,2}");
  EXPECT_EQ(to_string(y[0].shape()), "[1,2,4,3]");
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(13, 33, 20, 3, 13, 10, 15, 37, 22, 5, 17, 12, 37, 81, 44, 27, 61,
                                            34, 39, 85, 46, 29, 65, 36));
  EXPECT_THAT(numbers_of(run_op("Col2Im", "dilations=[2,1]", dilated + "} i64{4,3} i64{2,2}")[0]),
              ElementsAre(1, 7, 6, 3, 11, 8, 9, 23, 14, 11, 27, 16));
  EXPECT_THAT(error_of("Col2Im", "", "f32[1,5,5] i64{5,5} i64{5}"), HasSubstr("block_shape has 1 entries"));
  EXPECT_THAT(error_of("Col2Im", "", "f32[1,5,5] i64{5,5} i64{1,4}"),
              HasSubstr("[N, C * 4, 10] is expected"));
  EXPECT_THAT(error_of("Col2Im", "", "f32[1,5,5] i64{5,5} i64{1,6}"),
              HasSubstr("beyond the padded image in axis 1"));
  EXPECT_THAT(error_of("Col2Im", "", "f32[1,5,5] i64{5,4611686018427387904} i64{1,5}"),
              HasSubstr("image_shape holds"));
  EXPECT_THAT(error_of("Col2Im", "pads=[2000000,2000000,2000000,2000000]",
                       "f32[0,1,1] i64{2000000,2000000} i64{2000000,2000000}"),
              HasSubstr("the elements of all blocks come to more than 2^48"));
  EXPECT_THAT(error_of("Col2Im", "", "f32[0,1,1] i64{2147483647,2147483647,2147483647} i64{1,1,1}"),
              HasSubstr("more than 2^48"));
}

TEST(CenterCropPad, TheOddElementIsAtTheEnd) {
  EXPECT_THAT(numbers_of(run_op("CenterCropPad", "", "i32{1,2,3,4,5} i64{2}")[0]), ElementsAre(2, 3));
  EXPECT_THAT(numbers_of(run_op("CenterCropPad", "", "i32{1,2} i64{5}")[0]), ElementsAre(0, 1, 2, 0, 0));
  EXPECT_THAT(numbers_of(run_op("CenterCropPad", "axes=[1]", "i32[2,3]{1,2,3,4,5,6} i64{1}")[0]),
              ElementsAre(2, 5));
  EXPECT_THAT(numbers_of(run_op("CenterCropPad", "", "i32[2,3]{1,2,3,4,5,6} i64{1,5}")[0]),
              ElementsAre(0, 1, 2, 3, 0));
  EXPECT_THAT(error_of("CenterCropPad", "", "f32[2,3] i64{1}"), HasSubstr("shape has 1 sizes for 2 axes"));
  EXPECT_THAT(error_of("CenterCropPad", "axes=[0,-2]", "f32[2,3] i64{1,1}"),
              HasSubstr("axis -2 is given twice"));
  EXPECT_THAT(error_of("CenterCropPad", "", "f32[2,3] i64{1,-1}"), HasSubstr("-1"));
  EXPECT_THAT(error_of("CenterCropPad", "axes=[2]", "f32[2,3] i64{1}"), HasSubstr("axis 2 is outside"));
}

/// Cofactors by their definition: the determinant without row i and column j.
double minor_of(const std::vector<double>& a, size_t n, size_t i, size_t j) {
  std::string text;
  for (size_t r = 0; r < n; ++r)
    for (size_t c = 0; c < n; ++c)
      if (r != i && c != j) text += fmt::format("{:.17g},", a[r * n + c]);
  const double d = numbers_of(run_op("Det", "", fmt::format("f64[{0},{0}]{{{1}}}", n - 1, text))[0])[0];
  return (i + j) % 2 ? -d : d;
}

TEST(Det, KnownValuesAndCofactorsOfEveryRank) {
  EXPECT_THAT(numbers_of(run_op("Det", "", "f64[3,3]{2,0,1,1,3,2,1,1,1}")[0]),
              ElementsAre(testing::DoubleNear(0, 1e-14)));
  EXPECT_THAT(numbers_of(run_op("Det", "", "f64[2,2,2]{0,1,1,0,3,8,4,6}")[0]),
              ElementsAre(-1, testing::DoubleNear(-14, 1e-13)));
  EXPECT_THAT(numbers_of(run_op("Det", "", "f64[2,0,0]{}")[0]), ElementsAre(1, 1));
  EXPECT_THAT(error_of("Det", "", "f32[2,3]"), HasSubstr("[..., M, M]"));
  // Rank 4, 3, 2 and 1.
  for (const char* values : {"1,2,3,4,2,1,7,-3,0,5,-1,2,4,4,1,9", "1,2,3,4,2,1,7,-3,3,3,10,1,4,4,1,9",
                             "1,2,3,4,2,4,6,8,0,1,1,1,1,3,4,5", "1,2,3,4,2,4,6,8,3,6,9,12,-1,-2,-3,-4"}) {
    const std::string x = fmt::format("f64[4,4]{{{}}}", values);
    const std::vector<double> a = numbers_of(run_op("Identity", "", x)[0]);
    const std::vector<double> d = numbers_of(run_op("DetGrad", "", "f64[]{2}" + x, 21, 1, kDunlinDomain)[0]);
    for (size_t i = 0; i < 4; ++i)
      for (size_t j = 0; j < 4; ++j) EXPECT_NEAR(d[i * 4 + j], 2 * minor_of(a, 4, i, j), 1e-11) << values;
  }
}

TEST(NonMaxSuppression, TiesThresholdsAndNoNumbers) {
  const std::string boxes = "f32[1,4,4]{0,0,1,1,0,0,1,0.5,5,5,6,6,5,5,5,6}";
  // Half of box 0 is box 1: at a threshold of exactly that it stays.
  EXPECT_THAT(numbers_of(run_op("NonMaxSuppression", "", boxes + "f32[1,1,4]{1,1,1,nan} i64{9} f32{0.5}")[0]),
              ElementsAre(0, 0, 0, 0, 0, 1, 0, 0, 2));
  EXPECT_THAT(numbers_of(run_op("NonMaxSuppression", "",
                                boxes + "f32[1,1,4]{1,2,0.5,0.5} i64{9} f32{0.4} f32{0.5}")[0]),
              ElementsAre(0, 0, 1));
  EXPECT_EQ(numbers_of(run_op("NonMaxSuppression", "", boxes + "f32[1,1,4]{1,1,1,1}")[0]).size(), 0u);
  EXPECT_THAT(error_of("NonMaxSuppression", "", boxes + "f32[1,1,3] i64{1}"),
              HasSubstr("[batches, boxes, 4]"));
  EXPECT_THAT(error_of("NonMaxSuppression", "", boxes + "f32[1,1,4] i64{1} f32{1.5}"),
              HasSubstr("iou_threshold is 1.5"));
  EXPECT_THAT(error_of("NonMaxSuppression", "", boxes + "f32[1,1,4] i64{1,2}"),
              HasSubstr("max_output_boxes_per_class is [2]"));
}

}  // namespace
}  // namespace dunlin
