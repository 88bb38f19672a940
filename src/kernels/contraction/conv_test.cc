#include "kernels/contraction/conv.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

struct Case {
  const char* name;
  ConvShape shape;  // `out` is computed from `pad_end`
  Dims3 pad_end = {0, 0, 0};
};

Case with_out(Case c) {
  ConvShape& s = c.shape;
  for (size_t i = 0; i < 3; ++i) {
    s.out[i] =
        (s.in[i] + s.pad[i] + c.pad_end[i] - ((s.kernel[i] - 1) * s.dilation[i] + 1)) / s.stride[i] + 1;
  }
  return c;
}

const Case kCases[] = {
    {"pointwise", {.batch = 2, .in_channels = 24, .out_channels = 40, .in = {1, 7, 5}}},
    {"pointwise_stride",
     {.batch = 2, .in_channels = 33, .out_channels = 17, .in = {1, 7, 6}, .stride = {1, 2, 2}}},
    {"same3x3",
     {.batch = 2,
      .in_channels = 16,
      .out_channels = 33,
      .in = {1, 9, 11},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"wide3x3",  // several blocks of the reduction
     {.batch = 1,
      .in_channels = 230,
      .out_channels = 20,
      .in = {1, 6, 5},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"first7x7",
     {.batch = 1,
      .in_channels = 3,
      .out_channels = 64,
      .in = {1, 37, 31},
      .kernel = {1, 7, 7},
      .stride = {1, 2, 2},
      .pad = {0, 3, 3}},
     {0, 3, 3}},
    {"lenet5x5", {.batch = 3, .in_channels = 1, .out_channels = 6, .in = {1, 14, 14}, .kernel = {1, 5, 5}}},
    {"stride2",
     {.batch = 2,
      .in_channels = 18,
      .out_channels = 34,
      .in = {1, 10, 9},
      .kernel = {1, 3, 3},
      .stride = {1, 2, 2},
      .pad = {0, 1, 1}},
     {0, 0, 1}},
    {"stride_over_kernel",  // phases that no tap reaches
     {.batch = 1,
      .in_channels = 5,
      .out_channels = 7,
      .in = {1, 11, 10},
      .kernel = {1, 2, 1},
      .stride = {1, 3, 4}}},
    {"dilated",
     {.batch = 1,
      .in_channels = 20,
      .out_channels = 12,
      .in = {1, 12, 13},
      .kernel = {1, 3, 3},
      .dilation = {1, 2, 3},
      .pad = {0, 2, 3}},
     {0, 2, 2}},
    {"dilated_stride",
     {.batch = 2,
      .in_channels = 7,
      .out_channels = 9,
      .in = {1, 15, 14},
      .kernel = {1, 3, 4},
      .stride = {1, 2, 4},
      .dilation = {1, 3, 2},
      .pad = {0, 3, 2}},
     {0, 2, 3}},
    {"groups",
     {.batch = 2,
      .in_channels = 24,
      .out_channels = 36,
      .groups = 3,
      .in = {1, 8, 7},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"groups_stride",
     {.batch = 1,
      .in_channels = 8,
      .out_channels = 4,
      .groups = 4,
      .in = {1, 8, 9},
      .kernel = {1, 3, 2},
      .stride = {1, 2, 3},
      .pad = {0, 0, 1}},
     {0, 1, 0}},
    {"padding_only",  // windows that see nothing but padding
     {.batch = 1,
      .in_channels = 4,
      .out_channels = 5,
      .in = {1, 2, 2},
      .kernel = {1, 2, 2},
      .pad = {0, 4, 3}},
     {0, 3, 5}},
    {"conv1d",
     {.batch = 2,
      .in_channels = 10,
      .out_channels = 21,
      .in = {1, 1, 50},
      .kernel = {1, 1, 9},
      .stride = {1, 1, 4},
      .pad = {0, 0, 4}},
     {0, 0, 4}},
    {"conv3d",
     {.batch = 2,
      .in_channels = 6,
      .out_channels = 11,
      .in = {5, 6, 7},
      .kernel = {3, 3, 2},
      .stride = {2, 1, 2},
      .pad = {1, 1, 0}},
     {1, 0, 1}},
    {"many_chunks",
     {.batch = 5,
      .in_channels = 3,
      .out_channels = 18,
      .in = {1, 33, 32},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
    {"many_pixels",  // work for several threads
     {.batch = 2,
      .in_channels = 32,
      .out_channels = 48,
      .in = {1, 20, 20},
      .kernel = {1, 3, 3},
      .pad = {0, 1, 1}},
     {0, 1, 1}},
};

// Calls body(x index, w index, y index) for every product of the convolution.
template <typename Body>
void for_each_product(const ConvShape& s, const Body& body) {
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  for (int64_t row = 0; row < s.out_pixels(); ++row) {
    const int64_t n = row / (s.out[0] * s.out[1] * s.out[2]);
    const Dims3 o = {row / (s.out[1] * s.out[2]) % s.out[0], row / s.out[2] % s.out[1], row % s.out[2]};
    for (int64_t tap = 0; tap < s.taps(); ++tap) {
      const Dims3 k = {tap / (s.kernel[1] * s.kernel[2]), tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]};
      int64_t pixel = n;
      bool inside = true;
      for (size_t i = 0; i < 3; ++i) {
        const int64_t at = o[i] * s.stride[i] + k[i] * s.dilation[i] - s.pad[i];
        inside = inside && at >= 0 && at < s.in[i];
        pixel = pixel * s.in[i] + at;
      }
      if (!inside) continue;
      for (int64_t out = 0; out < s.out_channels; ++out) {
        for (int64_t c = 0; c < channels; ++c) {
          body(static_cast<size_t>(pixel * s.in_channels + out / outputs * channels + c),
               static_cast<size_t>((out * channels + c) * s.taps() + tap),
               static_cast<size_t>(row * s.out_channels + out));
        }
      }
    }
  }
}

struct Data {
  std::vector<float> x, w, y, bias_out, bias_in;
  explicit Data(const ConvShape& s)
      : x(random_floats(size_t(s.in_pixels() * s.in_channels), -1, 1, 1)),
        w(random_floats(size_t(s.out_channels * s.in_channels / s.groups * s.taps()), -1, 1, 2)),
        y(random_floats(size_t(s.out_pixels() * s.out_channels), -1, 1, 3)),
        bias_out(random_floats(size_t(s.out_channels), -1, 1, 4)),
        bias_in(random_floats(size_t(s.in_channels), -1, 1, 5)) {}
};

void expect_close(const std::vector<float>& got, const std::vector<double>& want, double terms) {
  ASSERT_EQ(got.size(), want.size());
  const double tolerance = 2e-6 * std::sqrt(terms) + 2e-6;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance) << i << " of " << got.size();
}

class ConvTest : public testing::TestWithParam<Case> {
 protected:
  ConvTest() : s(with_out(GetParam()).shape), data(s) {}
  const ConvShape s;
  const Data data;
};

TEST_P(ConvTest, Forward) {
  std::vector<double> want(data.y.size());
  for_each_product(s,
                   [&](size_t x, size_t w, size_t y) { want[y] += double(data.x[x]) * double(data.w[w]); });
  std::vector<double> fused = want;
  for (size_t i = 0; i < fused.size(); ++i) {
    fused[i] = std::max(0., want[i] + double(data.bias_out[i % size_t(s.out_channels)]) + double(data.y[i]));
  }
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> packed(conv_packed_floats(isa, s)), y(data.y.size());
    conv_pack(isa, pool, s, data.w.data(), packed.data());
    conv_forward(isa, pool, s, data.x.data(), packed.data(), y.data());
    expect_close(y, want, double(s.in_channels * s.taps()));
    y = data.y;
    conv_forward(isa, pool, s, data.x.data(), packed.data(), y.data(),
                 {data.bias_out.data(), y.data(), s.out_channels, Activation::relu()});
    expect_close(y, fused, double(s.in_channels * s.taps()));
  });
}

TEST_P(ConvTest, BackwardData) {
  std::vector<double> want(data.x.size()), fused;
  for_each_product(s,
                   [&](size_t x, size_t w, size_t y) { want[x] += double(data.y[y]) * double(data.w[w]); });
  fused = want;
  for (size_t i = 0; i < fused.size(); ++i) {
    fused[i] += double(data.bias_in[i % size_t(s.in_channels)]) + double(data.x[i]);
  }
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> packed(conv_packed_backward_floats(isa, s)), dx(data.x.size());
    conv_pack_backward(isa, pool, s, data.w.data(), packed.data());
    conv_backward_data(isa, pool, s, data.y.data(), packed.data(), dx.data());
    expect_close(dx, want, double(s.out_channels * s.taps()));
    dx = data.x;
    conv_backward_data(isa, pool, s, data.y.data(), packed.data(), dx.data(),
                       {data.bias_in.data(), dx.data(), s.in_channels, {}});
    expect_close(dx, fused, double(s.out_channels * s.taps()));
  });
}

TEST_P(ConvTest, BackwardWeights) {
  std::vector<double> want(data.w.size());
  for_each_product(s,
                   [&](size_t x, size_t w, size_t y) { want[w] += double(data.x[x]) * double(data.y[y]); });
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> dw(data.w.size()), scratch(conv_backward_weights_scratch_floats(isa, s, pool.size()));
    conv_backward_weights(isa, pool, s, data.x.data(), data.y.data(), dw.data(), false, scratch.data());
    expect_close(dw, want, double(s.out_pixels()));
    dw.assign(dw.size(), 1.f);
    conv_backward_weights(isa, pool, s, data.x.data(), data.y.data(), dw.data(), true, scratch.data());
    for (float& v : dw) v -= 1;
    expect_close(dw, want, double(s.out_pixels()) + 10);
  });
}

TEST_P(ConvTest, BitsDoNotDependOnThreads) {
  for (Isa isa : available_isas()) {
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<float> packed(conv_packed_floats(isa, s)), y(data.y.size());
      conv_pack(isa, pool, s, data.w.data(), packed.data());
      conv_forward(isa, pool, s, data.x.data(), packed.data(), y.data());
      return y;
    }));
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<float> packed(conv_packed_backward_floats(isa, s)), dx(data.x.size());
      conv_pack_backward(isa, pool, s, data.w.data(), packed.data());
      conv_backward_data(isa, pool, s, data.y.data(), packed.data(), dx.data());
      return dx;
    }));
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<float> dw(data.w.size()),
          scratch(conv_backward_weights_scratch_floats(isa, s, pool.size()));
      conv_backward_weights(isa, pool, s, data.x.data(), data.y.data(), dw.data(), false, scratch.data());
      return dw;
    }));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace dunlin
