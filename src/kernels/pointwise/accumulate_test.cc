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

}  // namespace
}  // namespace dunlin
