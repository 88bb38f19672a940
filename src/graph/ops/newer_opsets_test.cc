// Ops that opsets 18 to 24 brought or changed, which ONNX's test data at hand do not reach: against sums written down
// here from the standard's text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "graph/testing/gradient_of.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// `count` numbers in [-2, 2), and the words of a sample for them.
struct Numbers {
  std::vector<double> v;
  explicit Numbers(int count, uint64_t seed = 1) {
    Philox rng(seed);
    for (int i = 0; i < count; ++i) v.push_back(static_cast<float>(4 * rng.uniform_double() - 2));
  }
  std::string words(std::string_view shape) const {
    std::string text = fmt::format("f32{}{{", shape);
    for (size_t i = 0; i < v.size(); ++i) text += fmt::format("{}{}", i ? "," : "", v[i]);
    return text + "}";
  }
};

TEST(NewerOpsets, ActivationsOf18To24) {
  const Numbers x(9);
  const auto each = [&](auto f) {
    std::vector<double> out;
    for (double v : x.v) out.push_back(f(v));
    return out;
  };
  const std::string in = x.words("[9]");
  expect_near(numbers_of(run_op("Mish", "", in, 18)[0]),
              each([](double v) { return v * std::tanh(std::log1p(std::exp(v))); }), 1e-6);
  expect_near(numbers_of(run_op("Gelu", "", in, 20)[0]),
              each([](double v) { return v / 2 * (1 + std::erf(v / std::sqrt(2.0))); }), 1e-6);
  expect_near(numbers_of(run_op("Gelu", "approximate='tanh'", in, 20)[0]), each([](double v) {
                return v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
              }),
              1e-6);
  expect_near(numbers_of(run_op("Swish", "alpha=1.5", in, 24)[0]),
              each([](double v) { return v / (1 + std::exp(-1.5 * v)); }), 1e-6);
}

/// Scale and bias by group until opset 20, by channel from 21 on.
TEST(NewerOpsets, GroupNormalization) {
  constexpr int kN = 2, kChannels = 4, kGroups = 2, kSize = 3;
  const Numbers x(kN * kChannels * kSize);
  for (const int opset : {18, 21}) {
    const Numbers scale(opset == 18 ? kGroups : kChannels, 2), bias(opset == 18 ? kGroups : kChannels, 3);
    std::vector<double> want(x.v.size());
    for (int n = 0; n < kN; ++n)
      for (int g = 0; g < kGroups; ++g) {
        const int length = kChannels / kGroups * kSize, begin = (n * kGroups + g) * length;
        double mean = 0, variance = 0;
        for (int i = 0; i < length; ++i) mean += x.v[begin + i] / length;
        for (int i = 0; i < length; ++i) variance += std::pow(x.v[begin + i] - mean, 2) / length;
        for (int i = 0; i < length; ++i) {
          const int k = opset == 18 ? g : g * kChannels / kGroups + i / kSize;
          want[begin + i] = (x.v[begin + i] - mean) / std::sqrt(variance + 1e-5) * scale.v[k] + bias.v[k];
        }
      }
    const std::string k = opset == 18 ? "[2]" : "[4]";
    expect_near(numbers_of(run_op("GroupNormalization", "num_groups=2",
                                  x.words("[2,4,3]") + " " + scale.words(k) + " " + bias.words(k), opset)[0]),
                want, 1e-5);
  }
}

TEST(NewerOpsets, RmsNormalizationOverTheLastAxes) {
  const Numbers x(12), scale(6, 2);
  std::vector<double> want;
  for (int n = 0; n < 2; ++n) {
    double square = 0;
    for (int i = 0; i < 6; ++i) square += x.v[n * 6 + i] * x.v[n * 6 + i] / 6;
    for (int i = 0; i < 6; ++i) want.push_back(x.v[n * 6 + i] / std::sqrt(square + 1e-3) * scale.v[i]);
  }
  expect_near(numbers_of(run_op("RMSNormalization", "axis=1 epsilon=0.001",
                                x.words("[2,2,3]") + " " + scale.words("[2,3]"), 23)[0]),
              want, 1e-5);
}

/// Scale and bias broadcast to X, not only to the normalised axes; as many elements as a row has do not make a row.
TEST(NewerOpsets, NormalizationsScaleWhatBroadcastsToX) {
  const Numbers x(9), scale(3, 2), bias(9, 3);
  std::vector<double> layer, rms;
  for (int n = 0; n < 3; ++n) {
    double mean = 0, square = 0, variance = 0;
    for (int i = 0; i < 3; ++i) mean += x.v[n * 3 + i] / 3, square += x.v[n * 3 + i] * x.v[n * 3 + i] / 3;
    for (int i = 0; i < 3; ++i) variance += std::pow(x.v[n * 3 + i] - mean, 2) / 3;
    for (int i = 0; i < 3; ++i) {
      const double v = x.v[n * 3 + i];
      layer.push_back((v - mean) / std::sqrt(variance + 1e-5) * scale.v[n] + bias.v[n * 3 + i]);
      rms.push_back(v / std::sqrt(square + 1e-5) * scale.v[n]);
    }
  }
  const std::string in = x.words("[3,3]") + " " + scale.words("[3,1]");
  expect_near(numbers_of(run_op("LayerNormalization", "", in + " " + bias.words("[3,3]"))[0]), layer, 1e-5);
  expect_near(numbers_of(run_op("RMSNormalization", "", in)[0]), rms, 1e-5);
  EXPECT_THAT(error_of("LayerNormalization", "axis=1", "f32[4,2,3] f32[6]"), HasSubstr("do not broadcast"));
}

/// Pairs (i, i + half) or (2 i, 2 i + 1) are turned by the angle of their place.
TEST(NewerOpsets, RotaryEmbeddingTurnsPairs) {
  constexpr int kLength = 3, kHead = 6, kTurned = 4;
  const Numbers x(kLength * kHead);
  std::string cosines = "f32[5,2]{", sines = cosines;
  const auto angle = [](int place, int i) { return place * (i == 0 ? 1.0 : 0.1); };
  for (int p = 0; p < 5; ++p)
    for (int i = 0; i < 2; ++i) {
      cosines += fmt::format("{}{}", p + i ? "," : "", std::cos(angle(p, i)));
      sines += fmt::format("{}{}", p + i ? "," : "", std::sin(angle(p, i)));
    }
  const int places[] = {4, 0, 2};
  for (const bool interleaved : {false, true}) {
    std::vector<double> want = x.v;
    for (int s = 0; s < kLength; ++s)
      for (int i = 0; i < kTurned / 2; ++i) {
        const int a = s * kHead + (interleaved ? 2 * i : i),
                  b = s * kHead + (interleaved ? 2 * i + 1 : i + kTurned / 2);
        const double c = std::cos(angle(places[s], i)), d = std::sin(angle(places[s], i));
        want[a] = c * x.v[a] - d * x.v[b];
        want[b] = d * x.v[a] + c * x.v[b];
      }
    expect_near(
        numbers_of(run_op("RotaryEmbedding",
                          fmt::format("rotary_embedding_dim=4 interleaved={}", interleaved ? 1 : 0),
                          x.words("[1,1,3,6]") + " " + cosines + "} " + sines + "} i64[1,3]{4,0,2}", 23)[0]),
        want, 1e-5);
  }
}

TEST(NewerOpsets, SplitIntoUnevenParts) {
  const auto parts = run_op("Split", "num_outputs=3", "f32{1,2,3,4,5,6,7}", 18, 3);
  EXPECT_THAT(numbers_of(parts[0]), ElementsAre(1, 2, 3));
  EXPECT_THAT(numbers_of(parts[1]), ElementsAre(4, 5, 6));
  EXPECT_THAT(numbers_of(parts[2]), ElementsAre(7));
  EXPECT_NE(error_of("Split", "num_outputs=2", "f32{1,2,3}", 18), "");  // the node has one output
}

TEST(NewerOpsets, PadAlongSomeAxesAndAround) {
  EXPECT_THAT(numbers_of(run_op("Pad", "", "f32[2,2]{1,2,3,4} i64{1,0} f32[]{9} i64{-1}", 18)[0]),
              ElementsAre(9, 1, 2, 9, 3, 4));
  EXPECT_THAT(numbers_of(run_op("Pad", "mode='wrap'", "f32{1,2,3} i64{2,1}", 19)[0]),
              ElementsAre(2, 3, 1, 2, 3, 1));
  EXPECT_THAT(numbers_of(run_op("Pad", "mode='reflect'", "f32[1,3]{1,2,3} i64{2,1} _ i64{1}", 18)[0]),
              ElementsAre(3, 2, 1, 2, 3, 2));
}

TEST(NewerOpsets, ReductionsTakeAxesAsInput) {
  for (const char* op : {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                         "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
    const auto by_input = numbers_of(run_op(op, "keepdims=0", "f32[2,3]{1,2,3,4,5,6} i64{-1}", 18)[0]);
    const auto by_attribute = numbers_of(run_op(op, "keepdims=0 axes=[1]", "f32[2,3]{1,2,3,4,5,6}",
                                                op == std::string("ReduceSum") ? 11 : 17)[0]);
    EXPECT_EQ(by_input, by_attribute) << op;
    EXPECT_EQ(run_op(op, "noop_with_empty_axes=1", "f32[2,3]{1,2,3,4,5,6}", 18)[0].shape(), (Shape{2, 3}))
        << op;
  }
}

TEST(NewerOpsets, ExtremesOfBoolsAndOfNothing) {
  EXPECT_THAT(numbers_of(run_op("ReduceMax", "keepdims=0", "bool[2,2]{0,1,0,0} i64{1}", 20)[0]),
              ElementsAre(1, 0));
  EXPECT_THAT(numbers_of(run_op("ReduceMin", "keepdims=0", "bool[2,2]{0,1,1,1} i64{1}", 20)[0]),
              ElementsAre(0, 1));
  EXPECT_THAT(numbers_of(run_op("ReduceMax", "keepdims=0", "bool[0,1]{} i64{0}", 20)[0]), ElementsAre(0));
  EXPECT_THAT(numbers_of(run_op("ReduceMin", "keepdims=0", "bool[0,1]{} i64{0}", 20)[0]), ElementsAre(1));
  EXPECT_THAT(numbers_of(run_op("ReduceMax", "keepdims=0", "i8[0,1]{} i64{0}", 20)[0]), ElementsAre(-128));
  EXPECT_THAT(numbers_of(run_op("ReduceMax", "keepdims=0", "f32[0,1]{} i64{0}", 20)[0]),
              ElementsAre(-INFINITY));
  const Tensor largest =
      std::move(run_op("ReduceMax", "keepdims=0", "u64{1,9223372036854775808} i64{0}", 20)[0]);
  EXPECT_EQ(largest.values<uint64_t>()[0], 9223372036854775808u);
}

TEST(NewerOpsets, DftTakesItsAxisAsInput) {
  // A square wave of 4 along axis 1: 0, 2 - 2i, 0, 2 + 2i.
  const auto y = numbers_of(run_op("DFT", "", "f32[1,4,1]{1,1,-1,-1} _ i64[]{1}", 20)[0]);
  expect_near(y, {0, 0, 2, -2, 0, 0, 2, 2}, 1e-6);
}

TEST(NewerOpsets, BitwiseOps) {
  EXPECT_THAT(numbers_of(run_op("BitwiseAnd", "", "i8{-1,6,5} i8{3,-2,-128}", 18)[0]), ElementsAre(3, 6, 0));
  EXPECT_THAT(numbers_of(run_op("BitwiseOr", "", "u8{1,2} u8[1]{252}", 18)[0]), ElementsAre(253, 254));
  EXPECT_THAT(numbers_of(run_op("BitwiseXor", "", "i64{-1,5} i64{5,5}", 18)[0]), ElementsAre(-6, 0));
  EXPECT_THAT(numbers_of(run_op("BitwiseNot", "", "u16{0,1}", 18)[0]), ElementsAre(65535, 65534));
}

TEST(NewerOpsets, ScatterKeepsExtremes) {
  EXPECT_THAT(
      numbers_of(run_op("ScatterElements", "reduction='max'", "f32{1,5,3} i64{0,0,1} f32{4,2,0}", 18)[0]),
      ElementsAre(4, 5, 3));
  EXPECT_THAT(numbers_of(run_op("ScatterND", "reduction='min'", "f32{1,5,3} i64[2,1]{1,2} f32{4,7}", 18)[0]),
              ElementsAre(1, 4, 3));
}

TEST(NewerOpsets, LpPoolSkipsElements) {
  // Windows of two elements that lie two apart.
  expect_near(
      numbers_of(run_op("LpPool", "kernel_shape=[2] dilations=[2] p=2", "f32[1,1,4]{3,0,4,12}", 18)[0]),
      {5, 12}, 1e-6);
}

TEST(NewerOpsets, EinsumGradientsNameAxesByLetters) {
  const SampleCase s = make_sample(
      *find_op("", "Einsum", 12),
      {"equation='AABB,CDEFG,HIJKL,MNOPQ,RSTUV,WXY->A'",
       "f64[2,2,3,3] f64[1,1,1,1,1]{2} f64[1,1,1,1,1]{2} f64[1,1,1,1,1]{2} f64[1,1,1,1,1]{2} f64[1,1,1]{2}",
       12, 1},
      1);
  const Graph g = gradient_of(s, {0});
  for (const Node& n : g.nodes)
    if (n.op == "Einsum")
      for (char c : NodeView(g, n).attr_string("equation", ""))
        EXPECT_TRUE(std::isalpha(static_cast<unsigned char>(c)) || c == ',' || c == '-' || c == '>') << c;
  const std::vector<double> dx = numbers_of(evaluate(g, s.inputs)[0]);
  for (size_t i = 0; i < dx.size(); ++i) {
    const size_t diagonal[] = {i / 18 % 2, i / 9 % 2, i / 3 % 3, i % 3};
    EXPECT_EQ(dx[i], diagonal[0] == diagonal[1] && diagonal[2] == diagonal[3] ? 32 : 0) << i;
  }
}

/// Of a sum of magnitudes: the sign, which a zero has none of (as PyTorch's norms say).
TEST(NewerOpsets, LpPoolGradientOfMagnitudesIsTheSign) {
  expect_near(
      numbers_of(run_op("LpPoolGrad", "kernel_shape=[2] strides=[2] p=1",
                        "f32[1,1,2]{1,-2} f32[1,1,4]{0,3,-2,0} f32[1,1,2]{3,2}", 1, 1, kDunlinDomain)[0]),
      {0, 1, 2, 0}, 0);
}

TEST(NewerOpsets, ResizeSomeAxesKeepingTheAspectRatio) {
  // 2 x 4 into 6 x 6, not larger: the least of the scales, 1.5, for both.
  EXPECT_EQ(run_op("Resize", "axes=[2,3] keep_aspect_ratio_policy='not_larger' mode='nearest'",
                   "f32[1,1,2,4]@0..1 _ _ i64{6,6}", 18)[0]
                .shape(),
            (Shape{1, 1, 3, 6}));
  EXPECT_EQ(run_op("Resize", "axes=[2,3] keep_aspect_ratio_policy='not_smaller' mode='nearest'",
                   "f32[1,1,2,4]@0..1 _ _ i64{6,6}", 18)[0]
                .shape(),
            (Shape{1, 1, 6, 12}));
  // An antialiased linear filter of width 2 / scale = 4 around 0.5 and 2.5: weights 1/8 3/8 3/8 1/8. What lies outside
  // is the nearest element, or nothing when exclude_outside says so.
  const auto y = numbers_of(
      run_op("Resize", "axes=[0] antialias=1 mode='linear'", "f32{1,2,3,4} f32[0]{} f32{0.5}", 18)[0]);
  expect_near(y, {(1 + 3 * 1 + 3 * 2 + 3) / 8.0, (2 + 3 * 3 + 3 * 4 + 4) / 8.0}, 1e-5);
  const auto inside = numbers_of(run_op("Resize", "axes=[0] antialias=1 exclude_outside=1 mode='linear'",
                                        "f32{1,2,3,4} f32[0]{} f32{0.5}", 18)[0]);
  expect_near(inside, {(3 * 1 + 3 * 2 + 3) / 7.0, (2 + 3 * 3 + 3 * 4) / 7.0}, 1e-5);
}

TEST(NewerOpsets, WhatIsNoNumber) {
  EXPECT_THAT(numbers_of(run_op("IsInf", "detect_negative=0", "f16{1,inf,-inf}", 20)[0]),
              ElementsAre(0, 1, 0));
  EXPECT_THAT(numbers_of(run_op("IsNaN", "", "f64{1,nan}", 20)[0]), ElementsAre(0, 1));
}

TEST(DeformConv, WithoutOffsetsIsAConvolution) {
  const Numbers x(2 * 4 * 5 * 6), w(6 * 2 * 3 * 2, 2), b(6, 3);
  const std::string operands = x.words("[2,4,5,6]") + " " + w.words("[6,2,3,2]");
  std::string zeros = "f32[2,12,3,3]{0";
  for (int i = 1; i < 2 * 12 * 3 * 3; ++i) zeros += ",0";
  const std::string attributes = "group=2 pads=[1,0,1,1] strides=[2,2]";
  const auto want = numbers_of(run_op("Conv", attributes, operands + " " + b.words("[6]"), 19)[0]);
  expect_near(
      numbers_of(run_op("DeformConv", attributes, operands + " " + zeros + "} " + b.words("[6]"), 19)[0]),
      want, 1e-5);
}

// 2^25 products, though channels times filters are 2^24 at each of 2304 places and taps.
TEST(DeformConv, ManyChannelsOfTheirOwnAreNotTooMuch) {
  const std::string attributes = "group=4096 pads=[1,1,1,1]";
  const std::string operands = "f32[1,4096,16,16] f32[4096,1,3,3]";
  expect_near(numbers_of(run_op("DeformConv", attributes, operands + " f32[1,18,16,16]@0..0", 19)[0]),
              numbers_of(run_op("Conv", attributes, operands, 19)[0]), 1e-5);
}

TEST(DeformConv, LooksBetweenElements) {
  // 0..8 in a square, a window of ones. The first tap of the first place looks half a row down: 1.5 instead of 0; the
  // third tap (row 1, column 0) of the second 0.1 to the left: 3.9 instead of 4.
  const std::string x = "f32[1,1,3,3]{0,1,2,3,4,5,6,7,8} f32[1,1,2,2]{1,1,1,1} ";
  std::string offset = "f32[1,8,2,2]{", mask = "f32[1,4,2,2]{";
  for (int i = 0; i < 32; ++i)
    offset += fmt::format("{}{}", i ? "," : "", i == 0 ? 0.5 : i == 5 * 4 + 1 ? -0.1 : 0);
  for (int i = 0; i < 16; ++i) mask += fmt::format("{}{}", i ? "," : "", i == 2 ? 0 : i == 3 ? 0.5 : 1);
  expect_near(numbers_of(run_op("DeformConv", "", x + offset + "}", 19)[0]), {9.5, 11.9, 20, 24}, 1e-5);
  // The mask takes the first tap (3) of the third place away and halves that (4) of the fourth.
  expect_near(numbers_of(run_op("DeformConv", "", x + offset + "} _ " + mask + "}", 19)[0]),
              {9.5, 11.9, 17, 22}, 1e-5);
  EXPECT_THAT(error_of("DeformConv", "", "f32[1,1,3,3] f32[1,1,2,2] f32[1,8,3,2]", 19),
              HasSubstr("offset is [1,8,3,2], [1,8,2,2] is expected"));
  EXPECT_THAT(error_of("DeformConv", "offset_group=2", "f32[1,1,3,3] f32[1,1,2,2] f32[1,8,2,2]", 19),
              HasSubstr("offset_group 2 does not divide"));
}

TEST(MaxRoiPool, BinsOfARegion) {
  // Rows 0..3 and columns 0..2 of 4 x 4, in two by two bins: rows {0,1} {2,3}, columns {0,1} {1,2}.
  const std::string x = "f32[1,1,4,4]{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15} ";
  EXPECT_THAT(numbers_of(run_op("MaxRoiPool", "pooled_shape=[2,2]", x + "f32[1,5]{0,0,0,2,3}")[0]),
              ElementsAre(5, 6, 13, 14));
  EXPECT_THAT(numbers_of(run_op("MaxRoiPool", "pooled_shape=[1,1]", x + "f32[1,5]{0,7,7,9,9}")[0]),
              ElementsAre(0));
  EXPECT_THAT(error_of("MaxRoiPool", "pooled_shape=[1,1]", x + "f32[1,5]{1,0,0,1,1}"),
              HasSubstr("region 0 is in image 1, there are 1"));
}

TEST(TensorScatter, WritesWhereTheCacheGoesOn) {
  const std::string cache = "f32[2,3,1]{0,0,0,0,0,0} f32[2,2,1]{1,2,3,4} ";
  EXPECT_THAT(numbers_of(run_op("TensorScatter", "", cache + "i64{1,0}", 24)[0]),
              ElementsAre(0, 1, 2, 3, 4, 0));
  EXPECT_THAT(numbers_of(run_op("TensorScatter", "mode='circular'", cache + "i64{2,4}", 24)[0]),
              ElementsAre(2, 0, 1, 0, 3, 4));
  EXPECT_THAT(numbers_of(run_op("TensorScatter", "", cache, 24)[0]), ElementsAre(1, 2, 0, 3, 4, 0));
  EXPECT_THAT(error_of("TensorScatter", "", cache + "i64{2,0}", 24),
              HasSubstr("does not fit at it in a cache of 3"));
}

TEST(NewerOpsets, WhatStaysOutIsRefusedWithAdvice) {
  Graph g;
  g.opsets[""] = kNewestOpset;
  g.inputs = {g.add_value("x", {.format = format_of<uint8_t>(), .shape = Shape{3}})};
  g.nodes.push_back({.op = "ImageDecoder",
                     .domain = "",
                     .name = "n",
                     .attributes = {},
                     .inputs = g.inputs,
                     .outputs = {g.add_value("y")}});
  try {
    op_of(g, g.nodes[0]);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(e.what(), HasSubstr("ImageDecoder \"n\": the op ImageDecoder is not supported: image files "
                                    "are not decoded inside a model"));
  }
}

}  // namespace
}  // namespace dunlin
