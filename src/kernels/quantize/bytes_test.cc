#include "kernels/quantize/bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/quantize/quantize.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

std::vector<uint8_t> bytes(size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<uint8_t> v(n);
  for (auto& b : v) b = static_cast<uint8_t>(generator());
  return v;
}
int number(uint8_t b, bool is_signed) { return is_signed ? int{static_cast<int8_t>(b)} : int{b}; }
uint8_t rounded(float v, const Int8Output& o) {
  return static_cast<uint8_t>(static_cast<int>(std::nearbyint(std::clamp(v, o.lo, o.hi))) + o.zero_point);
}

TEST(Bytes, QuantizeAsTheOtherKernelDoes) {
  const float inf = std::numeric_limits<float>::infinity();
  for (size_t n : kOddSizes) {
    std::vector<float> x = random_floats(3 * n, -9, 9, 5);
    for (size_t i = 0; i < x.size(); i += 5)
      x[i] = 0.05f * (static_cast<float>(i % 300) + 0.5f);  // near ties
    x[0] = inf, x[1] = -inf, x[2] = std::numeric_limits<float>::quiet_NaN();
    for (float scale : {0.05f, 0.f}) {
      for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
        std::vector<uint8_t> want(3 * n), y(3 * n);
        std::vector<int8_t> signed_want(3 * n);
        quantize(pool, x.data(), scale, uint8_t{77}, want.data(), 3 * n);
        quantize_bytes(isa, pool, x.data(), {scale, 77, false}, y.data(), 3 * n);
        ASSERT_EQ(y, want);
        quantize_interleaved(isa, pool, x.data(), {scale, 77, false}, y.data(), 1, n);
        for (size_t i = 0; i < 3 * n; ++i) ASSERT_EQ(y[i], want[i % 3 * n + i / 3]) << i;
        quantize(pool, x.data(), scale, int8_t{-5}, signed_want.data(), 3 * n);
        quantize_bytes(isa, pool, x.data(), {scale, -5, true}, y.data(), 3 * n);
        for (size_t i = 0; i < 3 * n; ++i) ASSERT_EQ(static_cast<int8_t>(y[i]), signed_want[i]) << i;
      });
    }
  }
}

TEST(Bytes, Lookup) {
  const auto table = bytes(256, 1);
  for (size_t n : kOddSizes) {
    const auto x = bytes(n, 2);
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      std::vector<uint8_t> y(n);
      lookup_bytes(isa, pool, x.data(), table.data(), y.data(), n);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(y[i], table[x[i]]) << i;
    });
  }
}

TEST(Bytes, SumsAndProducts) {
  for (const auto& d :
       {BytesBinaryDims{2, 7, 19, false}, {2, 7, 19, true}, {1, 700, 100, true}, {3, 300, 77, false}}) {
    const size_t n = d.images * d.pixels * d.channels;
    const auto x = bytes(n, 3), z = bytes(d.b_per_image ? d.images * d.channels : n, 4);
    for (bool a_signed : {false, true}) {
      for (bool b_signed : {false, true}) {
        const BytesOperand a{x.data(), a_signed, a_signed ? -3 : 120, 0.37f},
            b{z.data(), b_signed, 5, 0.0211f};
        const Int8Output output{.lo = -100, .hi = 130, .zero_point = 100};
        std::vector<uint8_t> sum, product;
        for (size_t i = 0; i < n; ++i) {
          const size_t j = d.b_per_image ? i / (d.pixels * d.channels) * d.channels + i % d.channels : i;
          const int va = number(x[i], a_signed) - a.zero_point, vb = number(z[j], b_signed) - b.zero_point;
          const float sa = float(va) * a.scale, sb = float(vb) * b.scale;
          sum.push_back(rounded(sa + sb, output));
          product.push_back(rounded(float(va * vb) * a.scale, output));
        }
        for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
          std::vector<uint8_t> y(n);
          binary_bytes(isa, pool, BytesBinary::kAdd, d, a, b, output, y.data());
          ASSERT_EQ(y, sum);
          binary_bytes(isa, pool, BytesBinary::kMul, d, a, b, output, y.data());
          ASSERT_EQ(y, product);
        });
      }
    }
  }
}

TEST(Bytes, GlobalAveragePool) {
  for (size_t c : {1u, 3u, 64u, 130u}) {
    const size_t n = 2, hw = 300;
    const auto x = bytes(n * hw * c, 5);
    for (bool is_signed : {false, true}) {
      const BytesOperand in{x.data(), is_signed, 7, 0.01f};
      const Int8Output output{.lo = -9, .hi = 246, .zero_point = 9};
      std::vector<uint8_t> want;
      for (size_t image = 0; image < n; ++image)
        for (size_t k = 0; k < c; ++k) {
          int sum = 0;
          for (size_t p = 0; p < hw; ++p) sum += number(x[(image * hw + p) * c + k], is_signed) - 7;
          want.push_back(rounded(float(sum) * 0.01f, output));
        }
      for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
        std::vector<uint8_t> y(n * c);
        global_average_pool_bytes(isa, pool, n, hw, c, in, output, y.data());
        ASSERT_EQ(y, want);
      });
    }
  }
}

TEST(Bytes, MaxPool) {
  const PoolDims d{.n = 2,
                   .h = 9,
                   .w = 8,
                   .c = 37,
                   .kernel_h = 3,
                   .kernel_w = 2,
                   .stride_h = 2,
                   .stride_w = 1,
                   .dilation_h = 2,
                   .pad_top = 1,
                   .pad_left = 1,
                   .out_h = 4,
                   .out_w = 9};
  const auto x = bytes(d.n * d.h * d.w * d.c, 6);
  for (bool is_signed : {false, true}) {
    std::vector<uint8_t> want;
    for (size_t n = 0; n < d.n; ++n)
      for (size_t oy = 0; oy < d.out_h; ++oy)
        for (size_t ox = 0; ox < d.out_w; ++ox)
          for (size_t c = 0; c < d.c; ++c) {
            int best = -999;
            for (size_t ky = 0; ky < d.kernel_h; ++ky)
              for (size_t kx = 0; kx < d.kernel_w; ++kx) {
                const size_t iy = oy * 2 + ky * 2 - 1, ix = ox + kx - 1;
                if (iy < d.h && ix < d.w)
                  best = std::max(best, number(x[((n * d.h + iy) * d.w + ix) * d.c + c], is_signed));
              }
            want.push_back(static_cast<uint8_t>(best));
          }
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      std::vector<uint8_t> y(want.size());
      max_pool_bytes(isa, pool, d, is_signed, x.data(), y.data());
      ASSERT_EQ(y, want);
    });
  }
}

}  // namespace
}  // namespace dunlin
