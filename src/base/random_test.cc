#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace dunlin {
namespace {

// Known answers of Random123 (kat_vectors, philox4x32 10 rounds).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, EntersAnywhere) {
  Philox whole(7, 3);
  std::vector<uint32_t> numbers;
  for (int i = 0; i < 11; ++i) numbers.push_back(whole.next_u32());
  for (uint64_t start = 0; start < 11; ++start) {
    Philox part(7, 3, start);
    EXPECT_EQ(part.next_u32(), numbers[start]) << start;
  }
}

TEST(Philox, MomentsOfNormalAndGamma) {
  Philox rng(1);
  const int n = 200000;
  double sum = 0, squares = 0, gamma = 0, small_gamma = 0;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    gamma += rng.gamma(3.5);
    small_gamma += rng.gamma(0.3);
  }
  // Five standard errors of each mean.
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(gamma / n, 3.5, 5 * std::sqrt(3.5 / n));
  EXPECT_NEAR(small_gamma / n, 0.3, 5 * std::sqrt(0.3 / n));
}

TEST(Philox, BelowIsUnbiased) {
  Philox rng(2);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[rng.below(7)];
  double chi2 = 0;
  for (int c : counts) chi2 += (c - 10000.0) * (c - 10000.0) / 10000.0;
  EXPECT_LT(chi2, 22.46);  // chi-square, 6 degrees of freedom, p = 0.001
}

TEST(Shuffle, IsAPermutationThatTheSeedFixes) {
  std::vector<int> a(100), b(100);
  for (int i = 0; i < 100; ++i) a[i] = b[i] = i;
  Philox first(5), second(5);
  shuffle(std::span(a), first);
  shuffle(std::span(b), second);
  EXPECT_EQ(a, b);
  EXPECT_FALSE(std::is_sorted(a.begin(), a.end()));
  std::sort(a.begin(), a.end());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a[i], i);
}

}  // namespace
}  // namespace dunlin
