#include "kernels/pointwise/accumulate.h"

#include <gtest/gtest.h>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

TEST(Accumulate, AxpbyMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (size_t n : kOddSizes) {
      const auto x = random_floats(n, -2, 2, 1), y0 = random_floats(n, -2, 2, 2);
      for (float b : {0.f, 0.75f}) {
        auto y = y0;
        axpby(pool, isa, 1.5f, x.data(), b, y.data(), n);
        for (size_t i = 0; i < n; ++i)
          ASSERT_NEAR(y[i], 1.5 * x[i] + double(b) * y0[i], 1e-6) << i << " of " << n;
      }
    }
  });
}

TEST(Accumulate, SumMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (size_t n : kOddSizes) {
      auto a = random_floats(n, -2, 2, 1);
      const auto a0 = a, b = random_floats(n, -2, 2, 2), c = random_floats(n, -2, 2, 3);
      const float* inputs[] = {b.data(), a.data(), c.data(), b.data()};
      sum(pool, isa, inputs, a.data(), n);  // in place
      for (size_t i = 0; i < n; ++i) ASSERT_NEAR(a[i], double(a0[i]) + 2 * double(b[i]) + c[i], 2e-6);
    }
  });
}

}  // namespace
}  // namespace dunlin
