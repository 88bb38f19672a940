#include "kernels/pointwise/unary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

using Reference = std::function<double(double)>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double erf_gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double tanh_gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

/// 4 units in the last place of the result, or 1e-6 where a product of large and small terms loses more.
double tolerance(double expected) {
  const double ulp = std::ldexp(1.0, std::max(-149, std::ilogb(std::fabs(expected) + 1e-60) - 23));
  return std::max(4 * ulp, 1e-6 * std::min(1.0, std::fabs(expected)) + 1e-44);
}

struct Case {
  const char* name;
  Activation act;
  Reference f;
};
const Case kActivations[] = {
    {"none", Activation::none(), [](double x) { return x; }},
    {"relu", Activation::relu(), [](double x) { return x > 0 ? x : 0; }},
    {"relu6", Activation::clip(0, 6), [](double x) { return std::fmin(std::fmax(x, 0), 6); }},
    {"leaky_relu", Activation::leaky_relu(0.125f), [](double x) { return x < 0 ? 0.125 * x : x; }},
    {"hard_sigmoid", Activation::hard_sigmoid(0.25f, 0.5f),
     [](double x) { return std::fmin(std::fmax(0.25 * x + 0.5, 0), 1); }},
    {"hard_swish",
     {ActivationKind::kHardSwish},
     [](double x) { return x * std::fmin(std::fmax(x / 6 + 0.5, 0), 1); }},
    {"sigmoid", {ActivationKind::kSigmoid}, sigmoid},
    {"silu", {ActivationKind::kSilu}, [](double x) { return x * sigmoid(x); }},
    {"tanh", {ActivationKind::kTanh}, [](double x) { return std::tanh(x); }},
    {"gelu", {ActivationKind::kGelu}, erf_gelu},
    {"gelu_tanh", {ActivationKind::kGeluTanh}, tanh_gelu},
    {"mish", {ActivationKind::kMish}, [](double x) { return x * std::tanh(softplus(x)); }},
};

TEST(Activation, ForwardMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const Case& c : kActivations) {
      for (size_t n : kOddSizes) {
        const auto x = random_floats(n, -12, 12, 3);
        std::vector<float> y(n);
        activation(pool, isa, c.act, x.data(), y.data(), n);
        for (size_t i = 0; i < n; ++i) {
          // gelu and hard_swish cancel on their negative side: there the error is one of the unit inside the
          // bracket
          const double allowed =
              std::max(tolerance(c.f(x[i])), 1.5e-7 * (c.f(x[i]) < 0 ? std::fabs(x[i]) : 0));
          ASSERT_NEAR(y[i], c.f(x[i]), allowed) << c.name << " of " << x[i] << ", " << i << " of " << n;
        }
      }
    }
  });
}

TEST(Activation, GradientsMatchCentralDifferences) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const Case& c : kActivations) {
      const size_t n = 203;
      const auto x = random_floats(n, -5, 8, 4), dy = random_floats(n, -2, 2, 5);
      std::vector<float> dx(n), y(n), from_output(n);
      activation_grad(pool, isa, c.act, dy.data(), x.data(), dx.data(), n);
      activation(pool, isa, c.act, x.data(), y.data(), n);
      activation_grad_from_output(pool, isa, c.act, dy.data(), y.data(), from_output.data(), n);
      using K = ActivationKind;
      const auto by_input = {K::kHardSwish, K::kSilu, K::kGelu, K::kGeluTanh, K::kMish};
      const bool output_form = std::ranges::find(by_input, c.act.kind) == by_input.end();
      for (size_t i = 0; i < n; ++i) {
        const double h = 1e-6, expected = dy[i] * (c.f(x[i] + h) - c.f(x[i] - h)) / (2 * h);
        ASSERT_NEAR(dx[i], expected, 2e-6) << c.name << " at " << x[i];
        if (output_form) {
          ASSERT_NEAR(from_output[i], expected, 2e-6) << c.name << " at " << x[i];
        }
      }
    }
  });
}

TEST(Activation, KeepsNanAndLimits) {
  ThreadPool pool(1);
  const float inf = std::numeric_limits<float>::infinity();
  for (Isa isa : available_isas()) {
    for (const Case& c : kActivations) {
      const std::vector<float> x(37, std::numeric_limits<float>::quiet_NaN());
      std::vector<float> y(37);
      activation(pool, isa, c.act, x.data(), y.data(), x.size());
      for (float v : y) ASSERT_TRUE(std::isnan(v)) << c.name << " on " << to_string(isa);
    }
    const float x[] = {inf, -inf};
    float y[2];
    activation(pool, isa, {ActivationKind::kSigmoid}, x, y, 2);
    EXPECT_EQ(y[0], 1);
    EXPECT_EQ(y[1], 0);
    activation(pool, isa, {ActivationKind::kTanh}, x, y, 2);
    EXPECT_EQ(y[0], 1);
    EXPECT_EQ(y[1], -1);
  }
}

struct UnaryCase {
  const char* name;
  UnaryOp op;
  float lo, hi;
  Reference f;
};
const UnaryCase kUnary[] = {
    {"abs", UnaryOp::kAbs, -3, 3, [](double x) { return std::fabs(x); }},
    {"neg", UnaryOp::kNeg, -3, 3, [](double x) { return -x; }},
    {"square", UnaryOp::kSquare, -3, 3, [](double x) { return x * x; }},
    {"sqrt", UnaryOp::kSqrt, 0.5, 90, [](double x) { return std::sqrt(x); }},
    {"reciprocal", UnaryOp::kReciprocal, 0.5, 90, [](double x) { return 1 / x; }},
    {"exp", UnaryOp::kExp, -103, 88, [](double x) { return std::exp(x); }},
    {"exp near 0", UnaryOp::kExp, -1, 1, [](double x) { return std::exp(x); }},
    {"log", UnaryOp::kLog, 0.01, 3e38, [](double x) { return std::log(x); }},
    {"log near 1", UnaryOp::kLog, 0.5, 2, [](double x) { return std::log(x); }},
    {"log of subnormals", UnaryOp::kLog, 1e-44, 1e-38, [](double x) { return std::log(x); }},
    {"erf", UnaryOp::kErf, -5, 5, [](double x) { return std::erf(x); }},
    {"softplus", UnaryOp::kSoftplus, -30, 30, softplus},
    {"elu", UnaryOp::kElu, -20, 5, [](double x) { return x < 0 ? 0.75 * std::expm1(x) : x; }},
    {"elu near 0", UnaryOp::kElu, -1e-3, 1e-3, [](double x) { return x < 0 ? 0.75 * std::expm1(x) : x; }},
    {"floor", UnaryOp::kFloor, -9, 9, [](double x) { return std::floor(x); }},
    {"ceil", UnaryOp::kCeil, -9, 9, [](double x) { return std::ceil(x); }},
    {"round", UnaryOp::kRound, -9, 9, [](double x) { return std::nearbyint(x); }},
    {"sign", UnaryOp::kSign, -3, 3, [](double x) { return (x > 0) - (x < 0); }},
};

TEST(Unary, ForwardMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const UnaryCase& c : kUnary) {
      for (size_t n : {1, 19, 64, 5003}) {
        const auto x = random_floats(n, c.lo, c.hi, 6);
        auto y = x;  // in place
        unary(pool, isa, c.op, y.data(), y.data(), n, 0.75f);
        for (size_t i = 0; i < n; ++i) {
          ASSERT_NEAR(y[i], c.f(x[i]), tolerance(c.f(x[i]))) << c.name << " of " << x[i];
        }
      }
    }
  });
}

TEST(Unary, GradientsMatchCentralDifferences) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const UnaryCase& c : kUnary) {
      if (c.hi < 0.1f) continue;  // ranges narrower than the difference
      const size_t n = 53;
      const auto x = random_floats(n, std::max(c.lo, -4.f), std::min(c.hi, 4.f), 7),
                 dy = random_floats(n, -2, 2, 8);
      std::vector<float> dx(n);
      unary_grad(pool, isa, c.op, dy.data(), x.data(), dx.data(), n, 0.75f);
      for (size_t i = 0; i < n; ++i) {
        const double h = 1e-6, expected = dy[i] * (c.f(x[i] + h) - c.f(x[i] - h)) / (2 * h);
        ASSERT_NEAR(dx[i], expected, 3e-6 * (1 + std::fabs(expected))) << c.name << " at " << x[i];
      }
    }
  });
}

TEST(Unary, Limits) {
  ThreadPool pool(1);
  const float inf = std::numeric_limits<float>::infinity();
  for (Isa isa : available_isas()) {
    const auto at = [&](UnaryOp op, float x) {
      float y;
      unary(pool, isa, op, &x, &y, 1, 1);
      return y;
    };
    EXPECT_EQ(at(UnaryOp::kExp, inf), inf);
    EXPECT_EQ(at(UnaryOp::kExp, 89), inf);
    EXPECT_EQ(at(UnaryOp::kExp, -inf), 0);
    EXPECT_EQ(at(UnaryOp::kExp, 0), 1);
    EXPECT_EQ(at(UnaryOp::kLog, 0), -inf);
    EXPECT_EQ(at(UnaryOp::kLog, inf), inf);
    EXPECT_EQ(at(UnaryOp::kLog, 1), 0);
    EXPECT_TRUE(std::isnan(at(UnaryOp::kLog, -1)));
    EXPECT_EQ(at(UnaryOp::kErf, inf), 1);
    EXPECT_EQ(at(UnaryOp::kSoftplus, inf), inf);
    EXPECT_EQ(at(UnaryOp::kElu, -inf), -1);
    EXPECT_EQ(at(UnaryOp::kElu, inf), inf);
  }
}

TEST(Unary, Bf16IsFloatRoundedOnce) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (size_t n : kOddSizes) {
      const auto x = rounded(random_floats(n, -6, 6, 1));
      const auto wide_x = widened(x);
      std::vector<float> wide(n);
      std::vector<BFloat16> y(n);
      for (const Case& c : kActivations) {
        activation(pool, isa, c.act, wide_x.data(), wide.data(), n);
        activation(pool, isa, c.act, x.data(), y.data(), n);
        ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide, error_before_bf16(c.act))) << c.name;
      }
      for (const UnaryCase& c : kUnary) {
        unary(pool, isa, c.op, wide_x.data(), wide.data(), n, 0.7f);
        y = x;
        unary(pool, isa, c.op, y.data(), y.data(), n, 0.7f);
        ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide)) << c.name;
      }
    }
  });
}

}  // namespace
}  // namespace dunlin
