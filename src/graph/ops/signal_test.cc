// Transforms against their sums written out, windows and bands against the standard's formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "graph/ops/fft.h"
#include "graph/testing/gradient_of.h"
#include "graph/testing/noise.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using ops::Fft;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Fft::Complex> noise(size_t n) {
  std::vector<Fft::Complex> x(n);
  for (size_t i = 0; i < n; ++i) x[i] = {golden_noise(i, 1), golden_noise(i, 2)};
  return x;
}

std::vector<Fft::Complex> by_definition(const std::vector<Fft::Complex>& x, bool inverse) {
  const size_t n = x.size();
  std::vector<Fft::Complex> y(n);
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i)
      y[k] += x[i] * std::polar(1.0, (inverse ? 2 : -2) * std::numbers::pi * static_cast<double>(i * k % n) /
                                         static_cast<double>(n));
  return y;
}

TEST(Fft, AgreesWithTheSumAtEveryLength) {
  for (size_t n = 1; n <= 130; n += n < 70 ? 1 : 15)
    for (bool inverse : {false, true}) {
      std::vector<Fft::Complex> x = noise(n);
      const std::vector<Fft::Complex> want = by_definition(x, inverse);
      Fft(n, inverse)(x);
      for (size_t k = 0; k < n; ++k) ASSERT_LT(std::abs(x[k] - want[k]), 1e-11) << n << " " << k;
    }
}

TEST(Fft, ThereAndBackAtAwkwardLengths) {
  for (size_t n : {size_t{1009}, size_t{4096}, size_t{10007}, size_t{65537}}) {
    const std::vector<Fft::Complex> x = noise(n);
    std::vector<Fft::Complex> y = x;
    Fft(n, false)(y);
    Fft(n, true)(y);
    for (size_t i = 0; i < n; ++i) ASSERT_LT(std::abs(y[i] / static_cast<double>(n) - x[i]), 1e-11) << n;
  }
}

TEST(Dft, LengthAxisAndSides) {
  // A cosine of period 4 has two lines; cut or padded, it is another signal.
  EXPECT_THAT(numbers_of(run_op("DFT", "", "f64[1,4,1]{1,0,-1,0}")[0]), ElementsAre(0, 0, 2, 0, 0, 0, 2, 0));
  EXPECT_THAT(numbers_of(run_op("DFT", "onesided=1", "f64[1,4,1]{1,0,-1,0}", 17)[0]),
              ElementsAre(0, 0, 2, 0, 0, 0));
  EXPECT_THAT(numbers_of(run_op("DFT", "onesided=1", "f64[1,4,1]{1,0,-1,0} i64[]{2}")[0]),
              ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(numbers_of(run_op("DFT", "", "f64[1,1,1]{3} i64[]{2}")[0]), ElementsAre(3, 0, 3, 0));
  const std::string x = "f64[2,2,2]{1,2,3,4,5,6,7,8}";
  const auto along0 = numbers_of(run_op("DFT", "axis=0", x, 17)[0]);
  EXPECT_THAT(along0, ElementsAre(6, 8, 10, 12, -4, -4, -4, -4));
  EXPECT_EQ(numbers_of(run_op("DFT", "", x + " _ i64[]{0}")[0]), along0);
  EXPECT_EQ(numbers_of(run_op("DFT", "", x + " _ i64[]{-3}")[0]), along0);
  EXPECT_EQ(numbers_of(run_op("DFT", "", x)[0]), numbers_of(run_op("DFT", "axis=1", x, 17)[0]));
  EXPECT_THAT(numbers_of(run_op("DFT", "inverse=1", "f64[4,2]{0,0,2,0,0,0,2,0} _ i64[]{0}")[0]),
              ElementsAre(1, 0, 0, 0, -1, 0, 0, 0));
}

/// A signal comes back from the bins 0 to floor(n / 2); what the imaginary parts of the first and the middle one hold,
/// and what lies beyond, says nothing.
TEST(Dft, TheInverseOfOneSideIsReal) {
  for (int n : {1, 2, 5, 6, 9}) {
    std::string signal = fmt::format("f64[1,{},1]{{", n), bins;
    std::vector<double> want;
    for (int i = 0; i < n; ++i) {
      want.push_back(golden_noise(static_cast<uint64_t>(i), 1));
      signal += fmt::format("{:.17g},", want.back());
    }
    std::vector<double> spectrum = numbers_of(run_op("DFT", "onesided=1", signal + "}")[0]);
    spectrum[1] = 3;
    if (n % 2 == 0) spectrum.back() = -2;
    spectrum.insert(spectrum.end(), {7, 7});
    for (double v : spectrum) bins += fmt::format("{:.17g},", v);
    const std::string half = fmt::format("f64[1,{},2]{{{}}}", n / 2 + 2, bins);
    const Tensor y =
        std::move(run_op("DFT", "onesided=1 inverse=1", fmt::format("{} i64[]{{{}}}", half, n))[0]);
    EXPECT_EQ(y.shape(), (Shape{1, n, 1}));
    expect_near(numbers_of(y), want, 1e-14);
  }
  // Left out, dft_length is 2 (bins - 1); bins that are missing are 0.
  const std::string bins = "f64[1,3,2]{0,0,2,0,0,0}";
  for (int opset : {17, 24})
    expect_near(numbers_of(run_op("DFT", "onesided=1 inverse=1", bins, opset)[0]), {1, 0, -1, 0}, 1e-15);
  EXPECT_THAT(numbers_of(run_op("DFT", "onesided=1 inverse=1", "f64[1,1,2]{4,0} i64[]{2}")[0]),
              ElementsAre(2, 2));
}

TEST(Dft, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(error_of("DFT", "", "f32[2,3]"), HasSubstr("[..., 1] (real) or [..., 2] (complex)"));
  EXPECT_THAT(error_of("DFT", "axis=2", "f32[1,4,1]", 17), HasSubstr("holds the real and imaginary parts"));
  EXPECT_THAT(error_of("DFT", "", "f32[1,4,1] _ i64[]{7}"), HasSubstr("axis 7 is outside"));
  EXPECT_THAT(error_of("DFT", "onesided=1", "f32[1,4,2]"), HasSubstr("onesided is for real input"));
  EXPECT_THAT(error_of("DFT", "onesided=1 inverse=1", "f32[1,4,1]"),
              HasSubstr("onesided and inverse is for complex input"));
  EXPECT_THAT(error_of("DFT", "onesided=1 inverse=1", "f32[1,1,2]"), HasSubstr("is one bin"));
  EXPECT_THAT(error_of("DFT", "onesided=1 inverse=1", "f32[0,4611686018427387904,2]"), HasSubstr("2^48"));
  EXPECT_THAT(error_of("DFT", "", "f32[1,4,1] i64[]{0}"), HasSubstr("dft_length is 0"));
  EXPECT_THAT(error_of("DFT", "", "f32[1,4,1] i64[]{-4}"), HasSubstr("dft_length is -4"));
  EXPECT_THAT(error_of("DFT", "", "f32[1,4,1] i64[]{4611686018427387904}"), HasSubstr("dft_length is"));
  EXPECT_THAT(error_of("DFT", "", "f32[1,0,1]"), HasSubstr("is empty"));
}

TEST(Stft, IsTheTransformOfEachWindowedFrame) {
  std::string signal = "f64[1,11,1]{", window = "f64{";
  for (uint64_t i = 0; i < 11; ++i) signal += fmt::format("{:.17g},", golden_noise(i, 1));
  for (uint64_t i = 0; i < 5; ++i) window += fmt::format("{:.17g},", golden_noise(i, 2));
  for (int onesided : {0, 1}) {
    const auto y = numbers_of(
        run_op("STFT", fmt::format("onesided={}", onesided), signal + "} i64[]{3} " + window + "}")[0]);
    const size_t bins = onesided ? 3 : 5;
    ASSERT_EQ(y.size(), 3 * bins * 2);
    for (size_t f = 0; f < 3; ++f) {
      std::vector<Fft::Complex> frame(5);
      for (size_t i = 0; i < 5; ++i)
        frame[i] = static_cast<double>(golden_noise(3 * f + i, 1)) * golden_noise(i, 2);
      const auto want = by_definition(frame, false);
      for (size_t k = 0; k < bins; ++k) {
        EXPECT_NEAR(y[(f * bins + k) * 2], want[k].real(), 1e-12);
        EXPECT_NEAR(y[(f * bins + k) * 2 + 1], want[k].imag(), 1e-12);
      }
    }
  }
}

TEST(Stft, WhatDoesNotFitIsNamed) {
  const std::string x = "f32[1,8,1] ";
  EXPECT_THAT(error_of("STFT", "", x + "i64[]{0} _ i64[]{4}"), HasSubstr("frame_step is 0"));
  EXPECT_THAT(error_of("STFT", "", x + "i64[]{1} _ i64[]{9}"), HasSubstr("a frame has 9 elements"));
  EXPECT_THAT(error_of("STFT", "", x + "i64[]{1} _ i64[]{4611686018427387904}"),
              HasSubstr("frame_length is"));
  EXPECT_THAT(error_of("STFT", "", x + "i64[]{1} f32[3] i64[]{4}"),
              HasSubstr("the window is [3], [4] is expected"));
  EXPECT_THAT(error_of("STFT", "", "f32[1,8,2] i64[]{1} f32[3]"), HasSubstr("onesided is for real signals"));
  EXPECT_THAT(error_of("STFT", "", "f32[8] i64[]{1}"), HasSubstr("[batch, length, 1 or 2]"));
}

TEST(Windows, KnownValues) {
  expect_near(numbers_of(run_op("HannWindow", "output_datatype=11", "i64[]{4}")[0]), {0, 0.5, 1, 0.5}, 1e-15);
  expect_near(numbers_of(run_op("HannWindow", "periodic=0 output_datatype=11", "i64[]{5}")[0]),
              {0, 0.5, 1, 0.5, 0}, 1e-15);
  expect_near(numbers_of(run_op("HammingWindow", "output_datatype=11", "i64[]{2}")[0]), {4.0 / 46, 1}, 1e-15);
  expect_near(numbers_of(run_op("BlackmanWindow", "output_datatype=11", "i64[]{4}")[0]), {0, 0.34, 1, 0.34},
              1e-15);
  for (const char* op : {"HannWindow", "HammingWindow", "BlackmanWindow"}) {
    EXPECT_THAT(numbers_of(run_op(op, "periodic=0", "i64[]{1}")[0]), ElementsAre(1)) << op;
    EXPECT_THAT(error_of(op, "", "i64[]{-1}"), HasSubstr("-1")) << op;
    EXPECT_THAT(error_of(op, "", "i64[]{4611686018427387904}"), HasSubstr("more than 2^48")) << op;
    EXPECT_THAT(error_of(op, "output_datatype=8", "i64[]{4}"), HasSubstr("output_datatype 8")) << op;
  }
}

/// A run that may take less than an op's own tables and lanes is refused; one that may take them is not.
TEST(Fourier, ScratchCountsAgainstTheRunsMemory) {
  struct Case {
    const char *op, *domain, *attributes, *inputs;
    int outputs;
  };
  for (const Case& k : {Case{"DFT", "", "", "f32[1,1025,1]", 1},
                        Case{"DFTGrad", "dunlin", "", "f32[1,1025,2] f32[1,1025,1]", 1},
                        Case{"STFT", "", "onesided=0", "f32[1,1025,1] i64[]{1} _ i64[]{1025}", 1},
                        Case{"STFTGrad", "dunlin", "onesided=0",
                             "f32[1,1,1025,2] f32[1,1025,1] i64[]{1} _ i64[]{1025}", 1}}) {
    const OpDef* def = find_op(k.domain, k.op, *k.domain ? 1 : kNewestOpset);
    const SampleCase s = make_sample(*def, {k.attributes, k.inputs, kNewestOpset, k.outputs}, 1);
    // The padded length is 4096: 2048 roots, chirp and lane of 1025, kernel and padded lane, 16 bytes each.
    const uint64_t least = 16 * (2048 + 2 * 1025 + 2 * 4096);
    EXPECT_NO_THROW(evaluate(s.graph, s.inputs, {.max_bytes = 2 * least})) << k.op;
    try {
      evaluate(s.graph, s.inputs, {.max_bytes = least});
      ADD_FAILURE() << k.op;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kResourceExhausted);
      EXPECT_THAT(e.what(), HasSubstr(k.op));
      EXPECT_THAT(e.what(), HasSubstr("left for this run"));
    }
  }
  EXPECT_EQ(Fft::bytes(1024), 16u * (512 + 1024));
}

TEST(Fourier, WindowsGetAGradientWhereItIsAsked) {
  const SampleCase s = make_sample(*find_op("", "STFT", 17), {"", "f64[1,12,1] i64[]{4} f64[5]"}, 1);
  const auto gradients = [&](std::initializer_list<size_t> wrt) {
    const Graph g = gradient_of(s, wrt);
    for (const Node& n : g.nodes)
      if (n.op == "STFTGrad") EXPECT_EQ(n.outputs.size(), wrt.size());
    return evaluate(g, s.inputs);
  };
  EXPECT_EQ(numbers_of(gradients({0})[0]), numbers_of(gradients({0, 1})[0]));
}

TEST(Fourier, OtherElementsThanFloatsAreNamed) {
  EXPECT_THAT(error_of("DFT", "", "i32[1,4,1]"), HasSubstr("DFT \"sample\": input 0 is i32, floating point"));
  EXPECT_THAT(error_of("STFT", "", "i32[1,8,1] i64[]{2} _ i64[]{4}"),
              HasSubstr("STFT \"sample\": input 0 is i32, floating point"));
}

TEST(MelWeightMatrix, BandsBeyondTheSpectrumAreRefused) {
  EXPECT_THAT(error_of("MelWeightMatrix", "", "i64[]{8} i64[]{16} i64[]{8000} f32[]{0} f32[]{5000}"),
              HasSubstr("half the rate"));
  EXPECT_THAT(error_of("MelWeightMatrix", "", "i64[]{8} i64[]{16} i64[]{8000} f32[]{-1} f32[]{50}"),
              HasSubstr("half the rate"));
  EXPECT_THAT(error_of("MelWeightMatrix", "", "i64[]{0} i64[]{16} i64[]{8000} f32[]{0} f32[]{50}"),
              HasSubstr("num_mel_bins is 0"));
  EXPECT_THAT(
      error_of("MelWeightMatrix", "", "i64[]{4611686018427387904} i64[]{16} i64[]{8000} f32[]{0} f32[]{50}"),
      HasSubstr("num_mel_bins is"));
  // Infinite and no numbers, in every format that can say them; huge and tiny ones.
  for (const char* format : {"f16", "bf16", "f32", "f64"})
    for (const char* bad : {"inf", "nan", "-inf"}) {
      const std::string edges = fmt::format(" {0}[]{{0}} {0}[]{{50}}", format);
      const auto error = [](const std::string& rest) {
        return error_of("MelWeightMatrix", "", "i64[]{8} i64[]{16} " + rest);
      };
      const std::string value = fmt::format(" {}[]{{{}}}", format, bad);
      EXPECT_THAT(error(value + edges), HasSubstr("half the rate")) << value;
      EXPECT_THAT(error("i64[]{8000}" + value + fmt::format(" {}[]{{50}}", format)),
                  HasSubstr("half the rate"))
          << value;
      EXPECT_THAT(error("i64[]{8000}" + fmt::format(" {}[]{{0}}", format) + value),
                  HasSubstr("half the rate"))
          << value;
    }
  for (const char* edges :
       {"f64[]{1.7e308} f64[]{0} f64[]{8e307}", "f64[]{1.7e308} f64[]{8e307} f64[]{8.1e307}",
        "f64[]{1e-300} f64[]{1e-310} f64[]{4e-301}", "f64[]{5e-324} f64[]{0} f64[]{0}",
        "f32[]{1e38} f32[]{1} f32[]{4e37}"})
    for (const char* sizes : {"i64[]{8} i64[]{16} ", "i64[]{1} i64[]{1} ", "i64[]{3} i64[]{65535} "}) {
      const auto y = run_op("MelWeightMatrix", "", std::string(sizes) + edges);
      for (double v : numbers_of(y[0])) EXPECT_TRUE(v >= 0 && v <= 1) << sizes << edges;
    }
  // At the very edge every band still lies inside.
  EXPECT_EQ(error_of("MelWeightMatrix", "", "i64[]{40} i64[]{16} i64[]{8000} f32[]{0} f32[]{4000}"), "");
}

}  // namespace
}  // namespace dunlin
