#include "base/fixed_point.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace dunlin {
namespace {

std::vector<float> random_values(size_t n, double range, uint64_t seed) {
  Philox rng(seed);
  std::vector<float> v(n);
  for (float& x : v) x = static_cast<float>((rng.uniform_double() * 2 - 1) * range);
  return v;
}

class FixedPointBits : public testing::TestWithParam<int> {};

// The oracle is the definition in exact arithmetic: long double has 64 bits of mantissa, enough for 32-bit
// codes.
TEST_P(FixedPointBits, EncodesToTheNearestCode) {
  const FixedPoint code{GetParam(), 4};
  for (size_t n : {0, 1, 7, 1023, 1024, 1025, 5000}) {
    const std::vector<float> x = random_values(n, 5, n);  // a fifth lies outside
    Bytes codes(code.bytes(n));
    const EncodeResult r = encode_nearest(code, x, codes);
    std::vector<int64_t> sum(n);
    fold(code, codes, 1, sum);
    uint64_t clipped = 0;
    for (size_t i = 0; i < n; ++i) {
      const long double v = static_cast<long double>(x[i]) * code.max_code() / 4.0L;
      const long double limit = code.max_code();
      clipped += std::fabs(v) > limit;
      const long double want = std::clamp(v, -limit, limit);
      EXPECT_LE(std::fabs(want - static_cast<long double>(sum[i])), 0.5L + 1e-6L) << i;
    }
    EXPECT_EQ(r.clipped, clipped);
    EXPECT_EQ(r.not_finite, 0u);
    EXPECT_TRUE(all_finite(code, codes));
  }
}

TEST_P(FixedPointBits, NotANumberIsKept) {
  const FixedPoint code{GetParam(), 4};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = random_values(1500, 3, 1);
    x[1400] = bad;
    Bytes codes(code.bytes(x.size()));
    const EncodeResult r = encode_nearest(code, x, codes);
    EXPECT_EQ(r.not_finite, 1u);
    EXPECT_EQ(r.clipped, 0u);
    EXPECT_FALSE(all_finite(code, codes));
  }
}

TEST_P(FixedPointBits, TheExtremesAreExact) {
  const FixedPoint code{GetParam(), 8};
  const std::vector<float> x = {8, -8, 0, 100, -100, -0.0f};
  Bytes codes(code.bytes(x.size()));
  EXPECT_EQ(encode_nearest(code, x, codes).clipped, 2u);
  std::vector<int64_t> sum(x.size());
  fold(code, codes, 3, sum);
  const int64_t m = 3 * code.max_code();
  EXPECT_EQ(sum, (std::vector<int64_t>{m, -m, 0, m, -m, 0}));
  std::vector<float> mean(x.size());
  decode_mean(code, sum, 3, mean);
  EXPECT_EQ(mean, (std::vector<float>{8, -8, 0, 8, -8, 0}));
}

INSTANTIATE_TEST_SUITE_P(All, FixedPointBits, testing::Values(8, 16, 24, 32));

TEST(FixedPoint, OverflowIsExcludedByTheChoiceOfBits) {
  EXPECT_EQ(widest_code_bits(24, uint64_t{1} << 30), 24);
  EXPECT_EQ(widest_code_bits(32, uint64_t{1} << 32), 32);
  EXPECT_EQ(widest_code_bits(32, (uint64_t{1} << 32) + 8), 24);  // 2^31 - 1 times this exceeds 2^63 - 1
  EXPECT_EQ(widest_code_bits(24, uint64_t{1} << 50), 8);
  EXPECT_THROW(widest_code_bits(24, uint64_t{1} << 60), Error);
  for (uint64_t weights : {uint64_t{1}, uint64_t{1} << 20, uint64_t{1} << 39, uint64_t{1} << 55}) {
    const __int128 largest =
        static_cast<__int128>((int64_t{1} << (widest_code_bits(32, weights) - 1)) - 1) * weights;
    EXPECT_LE(largest, static_cast<__int128>(INT64_MAX));
  }
}

TEST(FixedPoint, UnusableCodesAreRefused) {
  EXPECT_THROW(check({12, 1}), Error);
  EXPECT_THROW(check({24, 0}), Error);
  EXPECT_THROW(check({24, std::numeric_limits<double>::quiet_NaN()}), Error);
}

}  // namespace
}  // namespace dunlin
