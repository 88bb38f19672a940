// Depthwise convolution of bytes against plain sums: no tolerance.
#include "kernels/depthwise/int8_depthwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

/// `pad`: on all sides.
DepthwiseDims dims(size_t h, size_t w, size_t c, size_t kernel_h, size_t kernel_w, size_t stride = 1,
                   size_t pad = 0, size_t dilation = 1) {
  const auto out = [&](size_t in, size_t kernel) {
    return (in + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  };
  return {.n = 2,
          .h = h,
          .w = w,
          .c = c,
          .kernel_h = kernel_h,
          .kernel_w = kernel_w,
          .stride_h = stride,
          .stride_w = stride,
          .dilation_h = dilation,
          .dilation_w = dilation,
          .pad_top = pad,
          .pad_left = pad,
          .out_h = out(h, kernel_h),
          .out_w = out(w, kernel_w)};
}

struct Data {
  std::vector<uint8_t> x;
  std::vector<int8_t> w;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  explicit Data(const DepthwiseDims& d) : x(d.n * d.h * d.w * d.c), w(d.c * d.kernel_h * d.kernel_w) {
    std::mt19937 generator(5);
    for (auto& v : x) v = generator() % 3 ? uint8_t(generator()) : uint8_t{255};
    for (auto& v : w) v = generator() % 3 ? int8_t(generator()) : int8_t{-128};
    for (size_t i = 0; i < d.c; ++i) {
      bias.push_back(int32_t(generator() % 20001) - 10000);
      scale.push_back(0.001f + 0.01f * float(generator() % 1000) / 1000.f);
    }
  }
};

template <typename T>
std::vector<T> expected(const DepthwiseDims& d, const Data& data, int x_zero, double lo, double hi,
                        int y_zero) {
  std::vector<T> y;
  for (size_t n = 0; n < d.n; ++n)
    for (size_t oy = 0; oy < d.out_h; ++oy)
      for (size_t ox = 0; ox < d.out_w; ++ox)
        for (size_t c = 0; c < d.c; ++c) {
          int32_t sum = data.bias[c];
          for (size_t ky = 0; ky < d.kernel_h; ++ky)
            for (size_t kx = 0; kx < d.kernel_w; ++kx) {
              const size_t iy = oy * d.stride_h + ky * d.dilation_h - d.pad_top,
                           ix = ox * d.stride_w + kx * d.dilation_w - d.pad_left;  // wraps around below 0
              if (iy >= d.h || ix >= d.w) continue;
              sum += (int{data.x[((n * d.h + iy) * d.w + ix) * d.c + c]} - x_zero) *
                     int{data.w[(c * d.kernel_h + ky) * d.kernel_w + kx]};
            }
          const double q = std::nearbyint(static_cast<double>(float(sum) * data.scale[c])) + y_zero;
          y.push_back(static_cast<T>(std::clamp(q, lo, hi)));
        }
  return y;
}

void check(const DepthwiseDims& d) {
  SCOPED_TRACE(testing::Message() << d.h << "x" << d.w << "x" << d.c << " kernel " << d.kernel_h << "x"
                                  << d.kernel_w << " stride " << d.stride_w << " pad " << d.pad_left
                                  << " dilation " << d.dilation_w);
  ASSERT_TRUE(can_run_int8_depthwise(d));
  const Data data(d);
  const auto bytes = expected<uint8_t>(d, data, 77, 0, 255, 9);
  const auto clipped = expected<int8_t>(d, data, 0, -5, 100, -5);
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<std::byte> packed(int8_depthwise_packed_bytes(isa, d));
    int8_depthwise_pack(isa, d, data.w.data(), packed.data());
    const auto run = [&](uint8_t x_zero, const Int8Output& output, uint8_t* y) {
      const auto channels = int8_depthwise_channels(isa, d, data.w.data(), x_zero, data.bias, data.scale);
      int8_depthwise(isa, pool, d, data.x.data(), packed.data(), channels, output, y);
    };
    std::vector<uint8_t> y(bytes.size());
    run(77, {.lo = -9, .hi = 246, .zero_point = 9}, y.data());
    ASSERT_EQ(y, bytes);
    std::vector<int8_t> s(bytes.size());
    run(0, {.lo = 0, .hi = 105, .zero_point = -5}, reinterpret_cast<uint8_t*>(s.data()));
    ASSERT_EQ(s, clipped);
  });
}

TEST(Int8Depthwise, AgreesWithSums) {
  for (size_t c : {1u, 3u, 16u, 40u, 64u, 97u}) {
    for (size_t stride : {1u, 2u}) {
      check(dims(9, 11, c, 3, 3, stride, 1));
      check(dims(12, 10, c, 5, 5, stride, 2));
    }
    check(dims(7, 9, c, 2, 4, 3, 1));
    check(dims(9, 9, c, 3, 3, 1, 2, 2));
  }
  check(dims(1, 30, 20, 1, 9, 1, 4));
  check(dims(2, 2, 8, 5, 5, 1, 2));     // no pixel sees all taps inside
  check(dims(2, 3, 70, 3, 3, 2, 4));    // windows of nothing but padding
  check(dims(20, 6, 5, 17, 3, 1, 0));   // five groups of rows
  check(dims(40, 40, 96, 3, 3, 1, 1));  // work for several threads
}

TEST(Int8Depthwise, SaysWhatItCannotRun) {
  EXPECT_FALSE(can_run_int8_depthwise(dims(99, 9, 4, 65, 1)));
  DepthwiseDims d = dims(9, 9, 4, 3, 3);
  d.multiplier = 2;
  EXPECT_FALSE(can_run_int8_depthwise(d));
}

}  // namespace
}  // namespace dunlin
