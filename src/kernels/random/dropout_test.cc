#include "kernels/random/dropout.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/random.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

TEST(Dropout, KeepsWhatTheGeneratorSays) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const size_t n : kOddSizes)
      for (const float ratio : {0.f, 0.1f, 0.5f, 0.9f}) {
        const uint64_t seed = 0x123456789abcdef0 + n, stream = 0xfedcba9876543210;
        const std::vector<float> x = random_floats(n, -2, 2, 7);
        std::vector<float> y(n, NAN), dx(n, NAN);
        const auto mask = std::make_unique<bool[]>(n);
        dropout_forward(pool, isa, seed, stream, ratio, n, x.data(), y.data(), mask.get());
        dropout_backward(pool, isa, ratio, n, x.data(), mask.get(), dx.data());
        Philox random(seed, stream);
        for (size_t i = 0; i < n; ++i) {
          const bool keep = random.uniform() >= ratio;
          ASSERT_EQ(mask[i], keep) << i;
          ASSERT_FLOAT_EQ(y[i], keep ? x[i] / (1 - ratio) : 0) << i;
          ASSERT_EQ(dx[i], y[i]) << i;
        }
      }
  });
}

TEST(Dropout, WorksInPlaceAndWithoutAMask) {
  ThreadPool pool(2);
  std::vector<float> x(70'000, 3), y(x.size());
  dropout_forward(pool, best_isa(), 1, 2, 0.5f, x.size(), x.data(), y.data(), nullptr);
  dropout_forward(pool, best_isa(), 1, 2, 0.5f, x.size(), x.data(), x.data(), nullptr);
  EXPECT_EQ(x, y);
  EXPECT_NEAR(std::count(y.begin(), y.end(), 6.f), 35'000, 1000);
}

}  // namespace
}  // namespace dunlin
