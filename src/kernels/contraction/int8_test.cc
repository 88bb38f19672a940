// Integer convolution and products against plain sums in 64 bits: no tolerance anywhere.
#include "kernels/contraction/int8.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/contraction/contraction_testing.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

using Kind = Int8Output::Kind;

ConvShape matrix(int64_t m, int64_t n, int64_t k) {
  return {.in_channels = k, .out_channels = n, .in = {1, 1, m}, .out = {1, 1, m}};
}

// Beside the family's: quads of k that end early, reductions of all lengths, products.
const ConvCase kMore[] = {
    {"odd_channels",
     {.in_channels = 19, .out_channels = 70, .in = {1, 6, 5}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"long_reduction",  // too long for runs that are copied
     {.in_channels = 310, .out_channels = 20, .in = {1, 5, 5}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"many_taps",
     {.in_channels = 2, .out_channels = 3, .in = {1, 31, 29}, .kernel = {1, 30, 28}, .dilation = {1, 1, 1}}},
    {"threads",
     {.batch = 2,
      .in_channels = 64,
      .out_channels = 48,
      .in = {1, 20, 20},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"row", matrix(1, 1000, 130)},
    {"columns_by_thread", matrix(3, 2000, 512)},
    {"rows_in_one_cache_set", matrix(30, 40, 4096)},
    {"matrix", matrix(197, 77, 61)},
};

std::vector<uint8_t> random_bytes(size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<uint8_t> v(n);
  for (auto& b : v) b = static_cast<uint8_t>(generator());
  // Long runs of the ends of the range are where narrower sums overflow.
  for (size_t i = 0; i < n / 3; ++i) v[i] = 255;
  return v;
}

struct Data {
  std::vector<uint8_t> x;
  std::vector<int8_t> w;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  explicit Data(const ConvShape& s) : x(random_bytes(size_t(s.in_pixels() * s.in_channels), 1)) {
    const size_t outputs = size_t(s.out_channels);
    const auto bytes = random_bytes(outputs * size_t(s.in_channels / s.groups * s.taps()), 2);
    for (size_t i = 0; i < bytes.size(); ++i) w.push_back(i % 7 == 0 ? int8_t{-128} : int8_t(bytes[i]));
    std::mt19937 generator(3);
    for (size_t i = 0; i < outputs; ++i) {
      bias.push_back(int32_t(generator() % 200001) - 100000);
      scale.push_back(0.0001f + 1e-3f * float(generator() % 1000) / 1000.f);
    }
  }
};

/// [out_pixels, out_channels]: the sums, wrapped at 32 bits.
std::vector<int32_t> sums(const ConvShape& s, const Data& data, int x_zero) {
  std::vector<int64_t> y(size_t(s.out_pixels() * s.out_channels));
  for (size_t i = 0; i < y.size(); ++i) y[i] = data.bias[i % size_t(s.out_channels)];
  for_each_product(
      s, [&](size_t x, size_t w, size_t out) { y[out] += (int64_t{data.x[x]} - x_zero) * data.w[w]; });
  return {y.begin(), y.end()};
}

class Int8Conv : public testing::TestWithParam<ConvCase> {
 protected:
  Int8Conv() : s(with_out(GetParam()).shape), data(s) {}

  template <typename T>
  std::vector<T> run(Isa isa, ThreadPool& pool, uint8_t x_zero, const Int8Output& output) const {
    std::vector<std::byte> packed(int8_packed_bytes(isa, s));
    int8_pack(isa, s,
              {.w = data.w.data(),
               .out_stride = s.in_channels / s.groups * s.taps(),
               .channel_stride = s.taps(),
               .tap_stride = 1},
              packed.data());
    const Int8Columns columns = int8_columns(isa, s, packed.data(), x_zero, data.bias, data.scale);
    std::vector<T> y(size_t(s.out_pixels() * s.out_channels));
    // No byte behind the input may be read.
    const std::vector<uint8_t> x(data.x.begin(), data.x.end());
    int8_conv(isa, pool, s, x.data(), packed.data(), columns, output, reinterpret_cast<std::byte*>(y.data()));
    return y;
  }
  float scale(size_t i) const { return data.scale[i % size_t(s.out_channels)]; }

  const ConvShape s;
  const Data data;
};

TEST_P(Int8Conv, Sums) {
  for (int x_zero : {0, 128, 255}) {
    const auto want = sums(s, data, x_zero);
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      ASSERT_EQ(run<int32_t>(isa, pool, uint8_t(x_zero), {.kind = Kind::kInt32}), want);
    });
  }
}

TEST_P(Int8Conv, Bytes) {
  const auto all = sums(s, data, 99);
  std::vector<uint8_t> unsigned_bytes;
  std::vector<int8_t> signed_bytes;
  for (size_t i = 0; i < all.size(); ++i) {
    const double nearest = std::nearbyint(static_cast<double>(float(all[i]) * scale(i)));
    unsigned_bytes.push_back(uint8_t(std::clamp(nearest + 20, 0., 255.)));
    signed_bytes.push_back(int8_t(std::clamp(nearest - 5, -9., 100.)));  // a clip within the range
  }
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    ASSERT_EQ(run<uint8_t>(isa, pool, 99, {.lo = -20, .hi = 235, .zero_point = 20}), unsigned_bytes);
    ASSERT_EQ(run<int8_t>(isa, pool, 99, {.lo = -4, .hi = 105, .zero_point = -5}), signed_bytes);
  });
}

TEST_P(Int8Conv, Floats) {
  const auto all = sums(s, data, 1);
  std::vector<float> want;
  for (size_t i = 0; i < all.size(); ++i) want.push_back(std::max(float(all[i]) * scale(i), -3.f));
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    ASSERT_EQ(run<float>(isa, pool, 1, {.kind = Kind::kFloat, .lo = -3, .hi = HUGE_VALF}), want);
  });
}

constexpr auto kName = [](const auto& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Shapes, Int8Conv, testing::ValuesIn(kConvCases), kName);
INSTANTIATE_TEST_SUITE_P(More, Int8Conv, testing::ValuesIn(kMore), kName);

/// Halves go to the even neighbour before the zero point is added.
TEST(Int8Output, TiesGoToEven) {
  const ConvShape s = matrix(1, 9, 1);
  const std::vector<int8_t> w = {-5, -3, -1, 0, 1, 3, 5, 127, -128};
  const std::vector<float> scale(9, 0.5f);
  const std::vector<uint8_t> want = {1, 1, 3, 3, 3, 5, 5, 67, 0};
  const uint8_t x = 1;
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<std::byte> packed(int8_packed_bytes(isa, s));
    int8_pack(isa, s, {.w = w.data(), .out_stride = 1, .channel_stride = 1}, packed.data());
    const Int8Columns columns = int8_columns(isa, s, packed.data(), 0, {}, scale);
    std::vector<uint8_t> y(9);
    int8_conv(isa, pool, s, &x, packed.data(), columns, {.lo = -3, .hi = 252, .zero_point = 3},
              reinterpret_cast<std::byte*>(y.data()));
    EXPECT_EQ(y, want);
  });
}

TEST(Int8Output, SignsFlip) {
  ThreadPool pool(2);
  std::vector<int8_t> x;
  for (int i = 0; i < 70000; ++i) x.push_back(int8_t(i));
  std::vector<uint8_t> y(x.size());
  flip_signs(pool, x.data(), y.data(), x.size());
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(int{y[i]}, int{x[i]} + 128);
}

}  // namespace
}  // namespace dunlin
