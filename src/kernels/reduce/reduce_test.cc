#include "kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

const ReduceDims kDims[] = {{1, 1, 1},   {3, 7, 1},    {5, 100, 1},   {1, 70001, 1},
                            {2, 9, 5},   {1, 300, 16}, {1, 5000, 3},  {1, 2003, 96},
                            {4, 49, 37}, {700, 65, 1}, {2, 40000, 2}, {300, 1, 9}};

TEST(Reduce, MatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const ReduceDims& d : kDims) {
      SCOPED_TRACE(std::to_string(d.outer) + " x " + std::to_string(d.reduced) + " x " +
                   std::to_string(d.inner));
      const size_t size = d.outer * d.reduced * d.inner, ny = d.outer * d.inner;
      const auto a = random_floats(size, -0.5, 1, 1);
      std::vector<double> sum(ny), squares(ny);
      std::vector<float> most(ny, -INFINITY), least(ny, INFINITY);
      for (size_t i = 0; i < size; ++i) {
        const size_t o = i / (d.reduced * d.inner) * d.inner + i % d.inner;
        sum[o] += a[i];
        squares[o] += double(a[i]) * a[i];
        most[o] = std::fmax(most[o], a[i]);
        least[o] = std::fmin(least[o], a[i]);
      }
      std::vector<float> scratch(reduce_scratch(d), NAN), y(ny);
      const auto check = [&](const std::vector<double>& expected, double scale) {
        for (size_t i = 0; i < ny; ++i)
          ASSERT_NEAR(y[i], expected[i] * scale, scale * (1e-6 + 3e-7 * double(d.reduced)));
      };
      reduce(pool, isa, ReduceOp::kSum, d, a.data(), scratch.data(), y.data());
      check(sum, 1);
      reduce(pool, isa, ReduceOp::kMean, d, a.data(), scratch.data(), y.data());
      check(sum, 1.0 / double(d.reduced));
      reduce(pool, isa, ReduceOp::kSumSquares, d, a.data(), scratch.data(), y.data());
      check(squares, 1);
      reduce(pool, isa, ReduceOp::kMax, d, a.data(), scratch.data(), y.data());
      ASSERT_EQ(y, most);
      reduce(pool, isa, ReduceOp::kMin, d, a.data(), scratch.data(), y.data());
      ASSERT_EQ(y, least);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

TEST(Reduce, LongSumsStayAccurate) {  // a running float sum of these is wrong in the third digit
  ThreadPool pool(1);
  const ReduceDims d{1, 4000000, 1};
  const std::vector<float> x(d.reduced, 0.1f);
  std::vector<float> scratch(reduce_scratch(d));
  for (Isa isa : available_isas()) {
    float y;
    reduce(pool, isa, ReduceOp::kSum, d, x.data(), scratch.data(), &y);
    EXPECT_NEAR(y, 4e6 * double(0.1f), 2) << to_string(isa);
  }
}

TEST(Reduce, SameBitsOnAnyThreads) {
  for (const ReduceDims& d : {ReduceDims{1, 200000, 7}, {1, 1000003, 1}, {5, 60000, 1}}) {
    const auto x = random_floats(d.outer * d.reduced * d.inner, -1, 1, 1);
    for (Isa isa : available_isas()) {
      EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
        std::vector<float> scratch(reduce_scratch(d)), y(d.outer * d.inner);
        reduce(pool, isa, ReduceOp::kSum, d, x.data(), scratch.data(), y.data());
        return y;
      }));
    }
  }
}

TEST(Reduce, MaxAndMinKeepNan) {
  ThreadPool pool(1);
  for (Isa isa : available_isas()) {
    for (size_t where = 0; where < 70; ++where) {
      std::vector<float> x(70, 1.f);
      x[where] = NAN;
      for (ReduceOp op : {ReduceOp::kMax, ReduceOp::kMin}) {
        float y[2];
        reduce(pool, isa, op, {1, 70, 1}, x.data(), nullptr, y);
        EXPECT_TRUE(std::isnan(y[0])) << to_string(isa) << " " << where;
        reduce(pool, isa, op, {1, 35, 2}, x.data(), nullptr, y);
        EXPECT_TRUE(std::isnan(y[where % 2]) && y[1 - where % 2] == 1) << to_string(isa) << " " << where;
      }
    }
  }
}

}  // namespace
}  // namespace dunlin
