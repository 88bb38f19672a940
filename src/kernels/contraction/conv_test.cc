#include "kernels/contraction/conv.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/contraction/contraction_testing.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

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

class ConvTest : public testing::TestWithParam<ConvCase> {
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

INSTANTIATE_TEST_SUITE_P(Shapes, ConvTest, testing::ValuesIn(kConvCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace dunlin
