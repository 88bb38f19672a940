#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

std::vector<PoolDims> shapes() {
  return {
      {.n = 2,
       .h = 8,
       .w = 9,
       .c = 16,
       .kernel_h = 2,
       .kernel_w = 2,
       .stride_h = 2,
       .stride_w = 2,
       .out_h = 4,
       .out_w = 4},
      {.n = 1,
       .h = 11,
       .w = 7,
       .c = 19,
       .kernel_h = 3,
       .kernel_w = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_top = 1,
       .pad_left = 1,
       .pad_bottom = 1,
       .pad_right = 1,
       .out_h = 6,
       .out_w = 4},
      {.n = 3,
       .h = 6,
       .w = 6,
       .c = 5,
       .kernel_h = 3,
       .kernel_w = 2,
       .dilation_h = 2,
       .dilation_w = 3,
       .pad_left = 1,
       .out_h = 2,
       .out_w = 4,
       .count_include_pad = true},
      // Ceil mode: the last windows hang over the padded image.
      {.n = 1,
       .h = 6,
       .w = 6,
       .c = 33,
       .kernel_h = 3,
       .kernel_w = 3,
       .stride_h = 2,
       .stride_w = 2,
       .pad_top = 1,
       .pad_left = 1,
       .pad_bottom = 1,
       .pad_right = 1,
       .out_h = 4,
       .out_w = 4,
       .count_include_pad = true},
      {.n = 2,
       .h = 64,
       .w = 64,
       .c = 9,
       .kernel_h = 3,
       .kernel_w = 3,
       .pad_top = 1,
       .pad_left = 1,
       .pad_bottom = 1,
       .pad_right = 1,
       .out_h = 64,
       .out_w = 64},
  };
}

/// Calls visit(x index, y index) for the cells of every window inside the image, and padded(y index) for
/// those that lie in the padding.
template <typename Visit, typename Padded>
void for_cells(const PoolDims& d, const Visit& visit, const Padded& padded) {
  for (size_t n = 0; n < d.n; ++n)
    for (size_t oy = 0; oy < d.out_h; ++oy)
      for (size_t ox = 0; ox < d.out_w; ++ox)
        for (size_t ky = 0; ky < d.kernel_h; ++ky)
          for (size_t kx = 0; kx < d.kernel_w; ++kx)
            for (size_t c = 0; c < d.c; ++c) {
              const size_t y = ((n * d.out_h + oy) * d.out_w + ox) * d.c + c;
              const long iy = long(oy * d.stride_h + ky * d.dilation_h) - long(d.pad_top);
              const long ix = long(ox * d.stride_w + kx * d.dilation_w) - long(d.pad_left);
              if (iy >= 0 && iy < long(d.h) && ix >= 0 && ix < long(d.w)) {
                visit(((n * d.h + size_t(iy)) * d.w + size_t(ix)) * d.c + c, y);
              } else if (iy < long(d.h + d.pad_bottom) && ix < long(d.w + d.pad_right)) {
                padded(y);
              }
            }
}

TEST(Pool, MaxMatchesBruteForce) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const PoolDims& d : shapes()) {
      const size_t nx = d.n * d.h * d.w * d.c, ny = d.n * d.out_h * d.out_w * d.c;
      auto x = random_floats(nx, -9, 9, 1);
      for (float& v : x) v = std::round(v);  // ties: the first one counts
      const auto dy = random_floats(ny, -1, 1, 2);
      std::vector<float> best(ny, -INFINITY);
      std::vector<size_t> place(ny);
      for_cells(
          d,
          [&](size_t i, size_t o) {
            if (x[i] > best[o]) best[o] = x[i], place[o] = i;
          },
          [](size_t) {});
      std::vector<double> dx_expected(nx);
      for (size_t o = 0; o < ny; ++o) dx_expected[place[o]] += dy[o];

      std::vector<float> y(ny), plain(ny), dx(nx, NAN);
      std::vector<int32_t> argmax(ny);
      max_pool_forward(pool, isa, d, x.data(), y.data(), argmax.data());
      max_pool_forward(pool, isa, d, x.data(), plain.data(), nullptr);
      ASSERT_EQ(y, best);
      ASSERT_EQ(plain, best);
      for (size_t o = 0; o < ny; ++o) {
        const size_t image = o / (d.out_h * d.out_w * d.c), c = o % d.c;
        ASSERT_EQ((image * d.h * d.w + size_t(argmax[o])) * d.c + c, place[o]);
      }
      max_pool_backward(pool, isa, d, dy.data(), argmax.data(), dx.data());
      for (size_t i = 0; i < nx; ++i) ASSERT_NEAR(dx[i], dx_expected[i], 1e-5);
    }
  });
}

TEST(Pool, MaxKeepsNan) {
  ThreadPool pool(1);
  const PoolDims d{.h = 2, .w = 2, .c = 3, .kernel_h = 2, .kernel_w = 2};
  for (Isa isa : available_isas()) {
    for (size_t where = 0; where < 4; ++where) {
      std::vector<float> x(12, 1.f), y(3);
      std::vector<int32_t> argmax(3);
      x[where * 3 + 1] = NAN;
      max_pool_forward(pool, isa, d, x.data(), y.data(), nullptr);
      EXPECT_TRUE(y[0] == 1 && std::isnan(y[1]) && y[2] == 1) << to_string(isa) << " " << where;
      max_pool_forward(pool, isa, d, x.data(), y.data(), argmax.data());
      EXPECT_TRUE(y[0] == 1 && std::isnan(y[1]) && y[2] == 1) << to_string(isa) << " " << where;
      EXPECT_EQ(argmax[1], int32_t(where));
    }
  }
}

TEST(Pool, AverageMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const PoolDims& d : shapes()) {
      const size_t nx = d.n * d.h * d.w * d.c, ny = d.n * d.out_h * d.out_w * d.c;
      const auto x = random_floats(nx, -1, 1, 1), dy = random_floats(ny, -1, 1, 2);
      std::vector<double> sum(ny), count(ny), dx_expected(nx);
      for_cells(
          d, [&](size_t i, size_t o) { sum[o] += x[i], ++count[o]; },
          [&](size_t o) { count[o] += d.count_include_pad; });
      for_cells(
          d, [&](size_t i, size_t o) { dx_expected[i] += dy[o] / count[o]; }, [](size_t) {});
      std::vector<float> y(ny), dx(nx, NAN);
      average_pool_forward(pool, isa, d, x.data(), y.data());
      average_pool_backward(pool, isa, d, dy.data(), dx.data());
      for (size_t o = 0; o < ny; ++o) ASSERT_NEAR(y[o], sum[o] / count[o], 1e-6);
      for (size_t i = 0; i < nx; ++i) ASSERT_NEAR(dx[i], dx_expected[i], 1e-6);
    }
  });
}

/// A running sum of these is wrong in the fifth digit.
TEST(Pool, AveragesOfAFlatPictureStayAccurate) {
  constexpr size_t kSide = 320, kPixels = kSide * kSide;
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (size_t c : {3, 16}) {
      const std::vector<float> x(kPixels * c, 0.1f);
      std::vector<float> y(c);
      global_average_pool_forward(pool, isa, 1, kPixels, c, x.data(), y.data());
      for (float v : y) ASSERT_NEAR(v, 0.1f, 2e-8);
      const PoolDims whole{.h = kSide, .w = kSide, .c = c, .kernel_h = kSide, .kernel_w = kSide};
      average_pool_forward(pool, isa, whole, x.data(), y.data());
      for (float v : y) ASSERT_NEAR(v, 0.1f, 1e-6);
    }
  });
}

TEST(Pool, GlobalAverageMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (size_t c : {1, 3, 16, 37}) {
      for (size_t hw : {1, 49, 3000}) {
        const size_t n = 3;
        const auto x = random_floats(n * hw * c, -1, 1, 1), dy = random_floats(n * c, -1, 1, 2);
        std::vector<float> y(n * c), dx(x.size());
        global_average_pool_forward(pool, isa, n, hw, c, x.data(), y.data());
        global_average_pool_backward(pool, isa, n, hw, c, dy.data(), dx.data());
        for (size_t i = 0; i < n; ++i) {
          for (size_t k = 0; k < c; ++k) {
            double sum = 0;
            for (size_t p = 0; p < hw; ++p) {
              sum += x[(i * hw + p) * c + k];
              ASSERT_NEAR(dx[(i * hw + p) * c + k], dy[i * c + k] / double(hw), 1e-7);
            }
            ASSERT_NEAR(y[i * c + k], sum / double(hw), 1e-6);
          }
        }
      }
    }
  });
}

TEST(Pool, Bf16IsFloatRoundedOnce) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const PoolDims& d : shapes()) {
      const auto x = rounded(random_floats(d.n * d.h * d.w * d.c, -1, 1, 1));
      const auto wide_x = widened(x);
      std::vector<float> wide(d.n * d.out_h * d.out_w * d.c);
      std::vector<BFloat16> y(wide.size());
      std::vector<int32_t> wide_argmax(y.size()), argmax(y.size());
      max_pool_forward(pool, isa, d, wide_x.data(), wide.data(), wide_argmax.data());
      max_pool_forward(pool, isa, d, x.data(), y.data(), argmax.data());
      ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
      ASSERT_EQ(argmax, wide_argmax);
      max_pool_forward(pool, isa, d, x.data(), y.data(), nullptr);
      ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
      average_pool_forward(pool, isa, d, wide_x.data(), wide.data());
      average_pool_forward(pool, isa, d, x.data(), y.data());
      ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
      wide.resize(d.n * d.c), y.resize(d.n * d.c);
      global_average_pool_forward(pool, isa, d.n, d.h * d.w, d.c, wide_x.data(), wide.data());
      global_average_pool_forward(pool, isa, d.n, d.h * d.w, d.c, x.data(), y.data());
      ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
    }
  });
}

}  // namespace
}  // namespace dunlin
