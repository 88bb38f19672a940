#include "kernels/depthwise/depthwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

DepthwiseDims dims(size_t n, size_t h, size_t w, size_t c, size_t kernel, size_t stride, size_t dilation,
                   size_t pad, size_t multiplier = 1) {
  const auto out = [&](size_t in) { return (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1; };
  return {.n = n,
          .h = h,
          .w = w,
          .c = c,
          .multiplier = multiplier,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .dilation_h = dilation,
          .dilation_w = dilation,
          .pad_top = pad,
          .pad_left = pad,
          .out_h = out(h),
          .out_w = out(w)};
}

std::vector<DepthwiseDims> shapes() {
  std::vector<DepthwiseDims> all{
      dims(2, 9, 11, 16, 3, 1, 1, 1),  dims(1, 12, 23, 19, 3, 1, 1, 1), dims(3, 7, 7, 40, 3, 1, 1, 1),
      dims(2, 14, 21, 24, 3, 2, 1, 1), dims(1, 9, 40, 7, 3, 2, 1, 0),   dims(2, 13, 17, 20, 5, 1, 1, 2),
      dims(1, 15, 29, 33, 5, 2, 1, 2), dims(1, 3, 2, 5, 5, 1, 1, 2),    dims(1, 11, 10, 6, 3, 1, 2, 2),
      dims(1, 9, 9, 8, 4, 3, 1, 1),    dims(1, 6, 6, 3, 1, 1, 1, 0),    dims(2, 5, 6, 3, 3, 1, 1, 1, 2),
      dims(1, 7, 8, 5, 3, 2, 1, 1, 3), dims(1, 5, 5, 6, 3, 1, 1, 3)};
  // Asymmetric: TensorFlow's SAME at stride 2 pads only behind; a 1-D kernel; different strides.
  all.push_back({.n = 2,
                 .h = 8,
                 .w = 10,
                 .c = 12,
                 .kernel_h = 3,
                 .kernel_w = 3,
                 .stride_h = 2,
                 .stride_w = 2,
                 .out_h = 4,
                 .out_w = 5});
  all.push_back({.n = 2, .h = 1, .w = 50, .c = 9, .kernel_w = 5, .pad_left = 2, .out_w = 50});
  all.push_back({.n = 1,
                 .h = 9,
                 .w = 20,
                 .c = 17,
                 .kernel_h = 5,
                 .kernel_w = 3,
                 .stride_h = 2,
                 .stride_w = 1,
                 .dilation_h = 2,
                 .pad_top = 1,
                 .pad_left = 1,
                 .out_h = 2,
                 .out_w = 20});
  return all;
}

/// Calls visit(x index, packed weight index, y index) for every product of the convolution.
template <typename Visit>
void for_products(const DepthwiseDims& d, const Visit& visit) {
  const long h = static_cast<long>(d.h), w = static_cast<long>(d.w);
  const size_t channels = d.c * d.multiplier;
  for (size_t n = 0; n < d.n; ++n)
    for (size_t oy = 0; oy < d.out_h; ++oy)
      for (size_t ox = 0; ox < d.out_w; ++ox)
        for (size_t ky = 0; ky < d.kernel_h; ++ky)
          for (size_t kx = 0; kx < d.kernel_w; ++kx) {
            const long iy =
                static_cast<long>(oy * d.stride_h + ky * d.dilation_h) - static_cast<long>(d.pad_top);
            const long ix =
                static_cast<long>(ox * d.stride_w + kx * d.dilation_w) - static_cast<long>(d.pad_left);
            if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
            for (size_t o = 0; o < channels; ++o) {
              visit(((n * d.h + static_cast<size_t>(iy)) * d.w + static_cast<size_t>(ix)) * d.c +
                        o / d.multiplier,
                    (ky * d.kernel_w + kx) * channels + o,
                    ((n * d.out_h + oy) * d.out_w + ox) * channels + o);
            }
          }
}

struct Data {
  explicit Data(const DepthwiseDims& d)
      : x(random_floats(d.n * d.h * d.w * d.c, -1, 1, 1)),
        weight(random_floats(d.kernel_h * d.kernel_w * d.c * d.multiplier, -1, 1, 2)),
        dy(random_floats(d.n * d.out_h * d.out_w * d.c * d.multiplier, -1, 1, 3)),
        bias(random_floats(d.c * d.multiplier, -1, 1, 4)) {}
  std::vector<float> x, weight, dy, bias;
};

void expect_near(const std::vector<float>& got, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], tolerance) << "at " << i;
}

TEST(Depthwise, ForwardMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    int number = 0;
    for (const DepthwiseDims& d : shapes()) {
      SCOPED_TRACE("shape " + std::to_string(number++));
      const Data t(d);
      std::vector<double> sum(t.dy.size());
      for_products(d, [&](size_t x, size_t w, size_t y) { sum[y] += double(t.x[x]) * t.weight[w]; });
      std::vector<float> y(sum.size());
      depthwise_forward(pool, isa, d, t.x.data(), t.weight.data(), {}, y.data());
      expect_near(y, sum, 1e-5);
      if (testing::Test::HasFatalFailure()) return;

      const size_t channels = d.c * d.multiplier;
      for (bool residual : {false, true}) {
        for (Activation act : {Activation::clip(0, 0.75f), Activation{ActivationKind::kHardSwish}}) {
          auto expected = sum;
          for (size_t i = 0; i < sum.size(); ++i) {
            double v = sum[i] + t.bias[i % channels] + (residual ? t.dy[i] : 0.f);
            expected[i] = act.kind == ActivationKind::kClip ? std::fmin(std::fmax(v, 0), 0.75)
                                                            : v * std::fmin(std::fmax(v / 6 + 0.5, 0), 1);
          }
          const Epilogue e{.bias = t.bias.data(),
                           .residual = residual ? t.dy.data() : nullptr,
                           .residual_stride = static_cast<ptrdiff_t>(channels),
                           .activation = act};
          depthwise_forward(pool, isa, d, t.x.data(), t.weight.data(), e, y.data());
          expect_near(y, expected, 1e-5);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  });
}

TEST(Depthwise, BackwardMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    int number = 0;
    for (const DepthwiseDims& d : shapes()) {
      SCOPED_TRACE("shape " + std::to_string(number++));
      const Data t(d);
      std::vector<double> dx_expected(t.x.size()), dw_expected(t.weight.size());
      for_products(d, [&](size_t x, size_t w, size_t y) {
        dx_expected[x] += double(t.dy[y]) * t.weight[w];
        dw_expected[w] += double(t.dy[y]) * t.x[x];
      });
      std::vector<float> dx(t.x.size(), NAN), dw(t.weight.size(), NAN);
      std::vector<float> scratch(depthwise_backward_weight_scratch(d), NAN);
      depthwise_backward_data(pool, isa, d, t.dy.data(), t.weight.data(), dx.data());
      expect_near(dx, dx_expected, 1e-5);
      depthwise_backward_weight(pool, isa, d, t.x.data(), t.dy.data(), scratch.data(), dw.data());
      expect_near(dw, dw_expected, 5e-5);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

TEST(Depthwise, SameBitsOnAnyThreads) {
  const DepthwiseDims d = dims(3, 40, 40, 33, 3, 1, 1, 1);
  const Data t(d);
  for (Isa isa : available_isas()) {
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<float> scratch(depthwise_backward_weight_scratch(d)), dw(t.weight.size());
      EXPECT_GT(scratch.size(), dw.size()) << "the shape must be large enough to be summed in parts";
      depthwise_backward_weight(pool, isa, d, t.x.data(), t.dy.data(), scratch.data(), dw.data());
      std::vector<float> out(t.dy.size() + t.x.size());
      depthwise_forward(pool, isa, d, t.x.data(), t.weight.data(), {}, out.data());
      depthwise_backward_data(pool, isa, d, t.dy.data(), t.weight.data(), out.data() + t.dy.size());
      out.insert(out.end(), dw.begin(), dw.end());
      return out;
    })) << to_string(isa);
  }
}

TEST(Depthwise, PacksWeights) {
  const DepthwiseDims d{.c = 3, .kernel_h = 1, .kernel_w = 2};
  const float weight[] = {1, 2, 3, 4, 5, 6};  // [c, taps]
  float packed[6], back[6];
  depthwise_pack_weight(d, weight, packed);
  EXPECT_EQ(std::vector<float>(packed, packed + 6), (std::vector<float>{1, 3, 5, 2, 4, 6}));
  depthwise_unpack_weight(d, packed, back);
  EXPECT_EQ(std::vector<float>(back, back + 6), (std::vector<float>(weight, weight + 6)));
}

TEST(Depthwise, Bf16IsFloatRoundedOnce) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const DepthwiseDims& d : shapes()) {
      if (d.multiplier != 1) continue;
      const Data t(d);
      const auto x = rounded(t.x), residual = rounded(t.dy);
      const std::vector<float> wide_x = widened(x), wide_residual = widened(residual);
      for (const bool adds : {false, true}) {
        for (const Activation& act :
             {Activation::none(), Activation::clip(0, 0.75f), Activation{ActivationKind::kSilu}}) {
          const ptrdiff_t row = static_cast<ptrdiff_t>(d.c);
          std::vector<float> wide(t.dy.size());
          depthwise_forward(pool, isa, d, wide_x.data(), t.weight.data(),
                            Epilogue{t.bias.data(), adds ? wide_residual.data() : nullptr, row, act},
                            wide.data());
          std::vector<BFloat16> y(wide.size());
          depthwise_forward(pool, isa, d, x.data(), t.weight.data(),
                            EpilogueOf<BFloat16>{t.bias.data(), adds ? residual.data() : nullptr, row, act},
                            y.data());
          ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide, error_before_bf16(act)));
        }
      }
    }
  });
}

}  // namespace
}  // namespace dunlin
