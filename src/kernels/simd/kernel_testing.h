// For kernel tests only: every ISA level of this machine, several thread counts, odd sizes, seeded numbers.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/half.h"
#include "kernels/epilogue.h"

namespace dunlin {

/// Sizes around vector and unrolling boundaries, and one that is split between threads.
inline constexpr size_t kOddSizes[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1023, 40000};

template <typename Test>
void for_each_isa_and_threads(const Test& test) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (Isa isa : available_isas()) {
      SCOPED_TRACE(std::string(to_string(isa)) + ", " + std::to_string(threads) + " threads");
      test(isa, pool);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

inline std::vector<float> random_floats(size_t n, float lo, float hi, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(lo, hi);
  std::vector<float> values(n);
  for (float& v : values) v = uniform(generator);
  return values;
}

inline std::vector<BFloat16> rounded(const std::vector<float>& values) {
  std::vector<BFloat16> out;
  for (float v : values) out.push_back(BFloat16(v));
  return out;
}

inline std::vector<float> widened(const std::vector<BFloat16>& values) {
  std::vector<float> out;
  for (BFloat16 v : values) out.push_back(static_cast<float>(v));
  return out;
}

/// That `got` is what f32 gave, rounded once, where f32 may be off by `relative`. What bf16 holds as subnormals only may
/// have become zero.
inline void expect_rounded(const std::vector<BFloat16>& got, const std::vector<float>& wide,
                           double relative = 0) {
  ASSERT_EQ(got.size(), wide.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(wide[i])) {
      ASSERT_TRUE(std::isnan(static_cast<float>(got[i]))) << "at " << i;
    } else if (std::abs(wide[i]) < 0x1p-126f) {
      ASSERT_LE(std::abs(static_cast<float>(got[i])), 0x1p-126f) << "at " << i;
    } else if (relative > 0) {
      const double size = std::abs(double(wide[i])), half_ulp = std::ldexp(1, std::ilogb(size) - 8);
      ASSERT_LE(std::abs(double(static_cast<float>(got[i])) - double(wide[i])), half_ulp + relative * size)
          << "at " << i << ", of " << wide[i];
    } else {
      ASSERT_EQ(got[i].bits, BFloat16(wide[i]).bits) << "at " << i << ", of " << wide[i];
    }
  }
}

/// How far an activation may be off that is rounded to bf16: see ActivationOf::apply_for.
inline double error_before_bf16(const Activation& act) {
  return act.kind == ActivationKind::kSigmoid || act.kind == ActivationKind::kSilu ? 0x1p-13 : 0;
}

/// True when `run(pool)`, which returns a vector of floats, gives the same bits on 1, 2 and 3 threads.
template <typename Run>
bool same_bits_on_any_threads(const Run& run) {
  ThreadPool one(1), two(2), three(3);
  const std::vector<float> a = run(one), b = run(two), c = run(three);
  const auto same = [&](const std::vector<float>& other) {
    return a.size() == other.size() && std::memcmp(a.data(), other.data(), a.size() * sizeof(float)) == 0;
  };
  return same(b) && same(c);
}

}  // namespace dunlin
