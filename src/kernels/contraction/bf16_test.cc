#include "kernels/contraction/bf16.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/contraction/contraction_testing.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

template <typename C>
std::vector<C> random_outputs(size_t n, unsigned seed) {
  const auto values = random_floats(n, -1, 1, seed);
  std::vector<C> out;
  for (float v : values) out.push_back(static_cast<C>(v));
  return out;
}

/// Sums in double, and what bounds the error of adding them in f32: the number of roundings times 2^-24 times the sum
/// of magnitudes.
struct Sums {
  std::vector<double> values, magnitudes;
  std::vector<int> terms;
  explicit Sums(size_t n) : values(n), magnitudes(n), terms(n) {}
  void add(size_t i, double term) {
    values[i] += term;
    magnitudes[i] += std::abs(term);
    ++terms[i];
  }
};

/// The steepest activation, HardSwish, has a slope of 1.5; the activation itself is computed in f32.
template <typename C>
void expect_near(C got, const Sums& sums, size_t i, const Activation& activation) {
  const double want = apply(activation, sums.values[i]);
  const bool plain = activation.kind == ActivationKind::kNone || activation.kind == ActivationKind::kClip;
  double bound = sums.terms[i] * 0x1p-24 * sums.magnitudes[i];
  if (!plain) bound = 1.5 * bound + 1e-6 * (1 + std::abs(want));
  if (sizeof(C) == 2) bound += error_before_bf16(activation) * std::abs(want);
  if (sizeof(C) == 2) bound = bound * (1 + 0x1p-8) + std::abs(want) * 0x1p-8;  // half an ulp
  ASSERT_LE(std::abs(static_cast<float>(got) - want), bound) << "at " << i << ", " << want << " expected";
}

const Activation kActivations[] = {Activation::none(),
                                   Activation::relu(),
                                   Activation::clip(-0.4f, 3.f),
                                   {ActivationKind::kHardSwish, 0, 0},
                                   {ActivationKind::kSilu, 0, 0}};

class Bf16GemmTest : public testing::TestWithParam<GemmCase> {
 protected:
  template <typename C>
  void matches_double() {
    const GemmCase p = GetParam();
    const GemmShape s{.m = p.m, .n = p.n, .k = p.k, .lda = p.k + 3, .ldc = p.n + 1};
    const auto a = rounded(random_floats(size_t(p.m * s.lda), -1, 1, 1));
    const auto b = random_floats(size_t(p.k * p.n), -1, 1, 2), bias = random_floats(size_t(p.n), -1, 1, 3);
    const auto residual = random_outputs<C>(size_t(p.m * (p.n + 5)), 4);
    Sums plain(size_t(p.m * p.n)), extra(plain);
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        const size_t at = size_t(i * p.n + j);
        for (int64_t k = 0; k < p.k; ++k)
          plain.add(
              at, double(float(a[size_t(i * s.lda + k)])) * double(float(BFloat16(b[size_t(k * p.n + j)]))));
      }
    }
    extra = plain;
    for (size_t i = 0; i < extra.values.size(); ++i) {
      const size_t row = i / size_t(p.n), column = i % size_t(p.n);
      extra.add(i, bias[column]);
      extra.add(i, static_cast<float>(residual[row * size_t(p.n + 5) + column]));
    }
    std::vector<float> b_transpose(b.size());
    for (int64_t i = 0; i < p.k; ++i)
      for (int64_t j = 0; j < p.n; ++j) b_transpose[size_t(j * p.k + i)] = b[size_t(i * p.n + j)];
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      std::vector<BFloat16> packed(packed_b_bf16(isa, p.k, p.n));
      const auto check = [&](const Sums& want, const EpilogueOf<C>& e) {
        std::vector<C> c(size_t(p.m * s.ldc), C(77.f));
        gemm(isa, pool, s, a.data(), packed.data(), c.data(), e);
        for (int64_t i = 0; i < p.m; ++i) {
          for (int64_t j = 0; j < p.n; ++j)
            ASSERT_NO_FATAL_FAILURE(
                expect_near(c[size_t(i * s.ldc + j)], want, size_t(i * p.n + j), e.activation));
          ASSERT_EQ(float(c[size_t(i * s.ldc + p.n)]), 77.f) << "wrote behind row " << i;
        }
      };
      pack_b(isa, pool, p.k, p.n, b.data(), p.n, 1, packed.data());
      ASSERT_NO_FATAL_FAILURE(check(plain, {}));
      pack_b(isa, pool, p.k, p.n, b_transpose.data(), 1, p.k, packed.data());
      for (const Activation& activation : kActivations)
        ASSERT_NO_FATAL_FAILURE(check(extra, {bias.data(), residual.data(), p.n + 5, activation}));
    });
  }
};

TEST_P(Bf16GemmTest, MatchesDoubleWithFloatsOut) { matches_double<float>(); }
TEST_P(Bf16GemmTest, MatchesDoubleWithBf16Out) { matches_double<BFloat16>(); }

TEST_P(Bf16GemmTest, BitsDoNotDependOnThreads) {
  const GemmCase p = GetParam();
  const GemmShape s{.m = p.m, .n = p.n, .k = p.k, .lda = p.k, .ldc = p.n};
  const auto a = rounded(random_floats(size_t(p.m * p.k), -1, 1, 1));
  const auto b = random_floats(size_t(p.k * p.n), -1, 1, 2);
  for (Isa isa : available_isas()) {
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<BFloat16> packed(packed_b_bf16(isa, p.k, p.n)), c(size_t(p.m * p.n));
      pack_b(isa, pool, p.k, p.n, b.data(), p.n, 1, packed.data());
      gemm(isa, pool, s, a.data(), packed.data(), c.data());
      return widened(c);
    })) << to_string(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16GemmTest, testing::ValuesIn(kGemmCases));
// Several blocks of the reduction, with few and with many columns, and an odd rest.
INSTANTIATE_TEST_SUITE_P(LongShapes, Bf16GemmTest,
                         testing::Values(GemmCase{30, 40, 2561}, GemmCase{5, 1100, 1281},
                                         GemmCase{130, 600, 1500}));

class Bf16ConvTest : public testing::TestWithParam<ConvCase> {
 protected:
  Bf16ConvTest()
      : s(with_out(GetParam()).shape),
        x(rounded(random_floats(size_t(s.in_pixels() * s.in_channels), -1, 1, 1))),
        w(random_floats(size_t(s.out_channels * s.in_channels / s.groups * s.taps()), -1, 1, 2)),
        bias(random_floats(size_t(s.out_channels), -1, 1, 3)),
        outputs(size_t(s.out_pixels() * s.out_channels)) {}

  template <typename C>
  void matches_double() {
    const auto residual = random_outputs<C>(outputs, 4);
    Sums plain(outputs);
    for_each_product(s, [&](size_t i, size_t j, size_t o) {
      plain.add(o, double(float(x[i])) * double(float(BFloat16(w[j]))));
    });
    Sums extra = plain;
    for (size_t i = 0; i < outputs; ++i) {
      extra.add(i, bias[i % size_t(s.out_channels)]);
      extra.add(i, static_cast<float>(residual[i]));
    }
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      std::vector<BFloat16> packed(conv_packed_bf16(isa, s));
      conv_pack(isa, pool, s, w.data(), packed.data());
      const auto check = [&](const Sums& want, bool extras, const Activation& activation) {
        std::vector<C> y = residual;  // the residual may be the output itself
        EpilogueOf<C> e{.bias = extras ? bias.data() : nullptr,
                        .residual = extras ? y.data() : nullptr,
                        .residual_stride = s.out_channels,
                        .activation = activation};
        conv_forward(isa, pool, s, x.data(), packed.data(), y.data(), e);
        for (size_t i = 0; i < outputs; ++i) ASSERT_NO_FATAL_FAILURE(expect_near(y[i], want, i, activation));
      };
      ASSERT_NO_FATAL_FAILURE(check(plain, false, {}));
      for (const Activation& activation : kActivations)
        ASSERT_NO_FATAL_FAILURE(check(extra, true, activation));
    });
  }

  const ConvShape s;
  const std::vector<BFloat16> x;
  const std::vector<float> w, bias;
  const size_t outputs;
};

TEST_P(Bf16ConvTest, MatchesDoubleWithFloatsOut) { matches_double<float>(); }
TEST_P(Bf16ConvTest, MatchesDoubleWithBf16Out) { matches_double<BFloat16>(); }

TEST_P(Bf16ConvTest, BitsDoNotDependOnThreads) {
  for (Isa isa : available_isas()) {
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<BFloat16> packed(conv_packed_bf16(isa, s)), y(outputs);
      conv_pack(isa, pool, s, w.data(), packed.data());
      conv_forward(isa, pool, s, x.data(), packed.data(), y.data());
      return widened(y);
    })) << to_string(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16ConvTest, testing::ValuesIn(kConvCases),
                         [](const auto& info) { return std::string(info.param.name); });

// A row's odd last element must not be multiplied by what lies behind it.
TEST(Bf16, WhatLiesBehindARowIsNotRead) {
  ThreadPool pool(1);
  const GemmShape s{.m = 3, .n = 20, .k = 5, .lda = 6, .ldc = 20};
  std::vector<BFloat16> a(size_t(s.m * s.lda), BFloat16(1.f));
  for (int64_t i = 0; i < s.m; ++i) a[size_t(i * s.lda + s.k)] = BFloat16(NAN);
  const std::vector<float> b(size_t(s.k * s.n), 2.f);
  for (Isa isa : available_isas()) {
    std::vector<BFloat16> packed(packed_b_bf16(isa, s.k, s.n));
    std::vector<float> c(size_t(s.m * s.n));
    pack_b(isa, pool, s.k, s.n, b.data(), s.n, 1, packed.data());
    gemm(isa, pool, s, a.data(), packed.data(), c.data());
    for (float v : c) EXPECT_EQ(v, 10.f) << to_string(isa);
  }
}

}  // namespace
}  // namespace dunlin
