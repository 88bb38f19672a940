#include "kernels/norm/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

// layer_norm and its gradients from PyTorch 1.13
TEST(LayerNorm, MatchesPyTorch) {
  const float x[] = {0.606699586f,  -0.138309658f, 0.831016302f, -0.247707456f, -0.802940965f,
                     0.23657468f,   0.285692751f,  0.689814866f, -0.633054018f, 0.879475296f,
                     -0.684178174f, 0.45329079f,   0.291157961f, -0.831716597f, -0.552508295f};
  const float scale[] = {0.635477304f, -0.396815807f, -0.657059848f, -1.64275241f, 0.980291724f};
  const float bias[] = {-0.0421470627f, -0.820575774f, 0.313299507f, -1.13516653f, 0.377333701f};
  const float dy[] = {-0.282419592f, -2.5667367f,  -1.43032742f, 0.50092113f,   0.543767452f,
                      -0.405742377f, 1.13405156f,  -1.11153853f, 0.350067586f,  -0.770272791f,
                      -0.147266224f, 0.627178967f, 1.09345293f,  0.0939031467f, 1.23806632f};
  const float y[] = {0.551621556f,  -0.695379734f, -0.547903717f, -0.315378219f, -1.0249964f,
                     -0.109139025f, -0.816016614f, -0.186940342f, 1.76995611f,   1.47920763f,
                     -0.544053495f, -1.35720003f,  -0.37463513f,  0.618737221f,  -0.153830677f};
  const float dx[] = {-0.923245907f, 1.25049233f,   0.905167162f,  -1.81468868f,   0.582275093f,
                      0.0375709534f, -0.357105494f, 1.67649639f,   -0.0878286958f, -1.26913297f,
                      -0.624211073f, 0.299875528f,  -0.757880807f, -0.896271706f,  1.97848797f};
  const float dscale[] = {-0.104797669f, 1.6449306f, -1.57613397f, -0.969309568f, -2.31451702f};
  const float dbias[] = {-0.835428178f, -0.80550617f, -1.4484129f, 0.94489187f, 1.01156092f};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    const size_t rows = 3, c = 5;
    std::vector<float> out(15), grad(15), mean(3), inv_std(3), gs(5), gb(5);
    std::vector<float> scratch(layer_norm_backward_scratch(rows, c));
    layer_norm_forward(pool, isa, rows, c, scale, bias, 1e-3f, x, out.data(), mean.data(), inv_std.data());
    layer_norm_backward(pool, isa, rows, c, scale, dy, x, mean.data(), inv_std.data(), scratch.data(),
                        grad.data(), gs.data(), gb.data());
    for (size_t i = 0; i < 15; ++i) {
      ASSERT_NEAR(out[i], y[i], 2e-6);
      ASSERT_NEAR(grad[i], dx[i], 3e-6);
    }
    for (size_t i = 0; i < 5; ++i) {
      ASSERT_NEAR(gs[i], dscale[i], 2e-6);
      ASSERT_NEAR(gb[i], dbias[i], 2e-6);
    }
  });
}

TEST(LayerNorm, MatchesDoubleOnEveryShape) {
  const size_t shapes[][2] = {{1, 1}, {7, 16}, {33, 65}, {300, 257}, {40, 768}};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (const auto& [rows, c] : shapes) {
      const auto x = random_floats(rows * c, 1, 3, 1), dy = random_floats(rows * c, -1, 1, 2);
      const auto scale = random_floats(c, 0.5, 2, 3), bias = random_floats(c, -1, 1, 4);
      std::vector<float> y(x.size()), dx(x.size()), mean(rows), inv_std(rows), dscale(c), dbias(c);
      std::vector<float> scratch(layer_norm_backward_scratch(rows, c));
      layer_norm_forward(pool, isa, rows, c, scale.data(), bias.data(), 1e-2f, x.data(), y.data(),
                         mean.data(), inv_std.data());
      layer_norm_backward(pool, isa, rows, c, scale.data(), dy.data(), x.data(), mean.data(), inv_std.data(),
                          scratch.data(), dx.data(), dscale.data(), dbias.data());
      std::vector<double> dscale_expected(c), dbias_expected(c);
      for (size_t r = 0; r < rows; ++r) {
        double m = 0, variance = 0, sum = 0, dot = 0;
        for (size_t k = 0; k < c; ++k) m += x[r * c + k] / double(c);
        for (size_t k = 0; k < c; ++k) variance += std::pow(x[r * c + k] - m, 2) / double(c);
        const double istd = 1 / std::sqrt(variance + double(1e-2f));
        for (size_t k = 0; k < c; ++k) {
          const double g = double(dy[r * c + k]) * scale[k], xhat = (x[r * c + k] - m) * istd;
          sum += g / double(c);
          dot += g * xhat / double(c);
          dscale_expected[k] += dy[r * c + k] * xhat;
          dbias_expected[k] += dy[r * c + k];
          ASSERT_NEAR(y[r * c + k], xhat * scale[k] + bias[k], 1e-5);
        }
        for (size_t k = 0; k < c; ++k) {
          const double g = double(dy[r * c + k]) * scale[k], xhat = (x[r * c + k] - m) * istd;
          ASSERT_NEAR(dx[r * c + k], istd * (g - sum - xhat * dot), 2e-5) << rows << " x " << c;
        }
      }
      for (size_t k = 0; k < c; ++k) {
        ASSERT_NEAR(dscale[k], dscale_expected[k], 5e-5);
        ASSERT_NEAR(dbias[k], dbias_expected[k], 5e-5);
      }
    }
  });
}

TEST(LayerNorm, SameBitsOnAnyThreads) {
  const size_t rows = 900, c = 65;
  const auto x = random_floats(rows * c, 1, 3, 1), dy = random_floats(rows * c, -1, 1, 2);
  for (Isa isa : available_isas()) {
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      std::vector<float> y(x.size()), dx(x.size()), mean(rows), inv_std(rows), all(2 * c);
      std::vector<float> scratch(layer_norm_backward_scratch(rows, c));
      layer_norm_forward(pool, isa, rows, c, nullptr, nullptr, 1e-5f, x.data(), y.data(), mean.data(),
                         inv_std.data());
      layer_norm_backward(pool, isa, rows, c, nullptr, dy.data(), x.data(), mean.data(), inv_std.data(),
                          scratch.data(), dx.data(), all.data(), all.data() + c);
      all.insert(all.end(), y.begin(), y.end());
      all.insert(all.end(), dx.begin(), dx.end());
      return all;
    }));
  }
}

TEST(RmsNorm, MatchesDouble) {
  const size_t shapes[][2] = {{1, 1}, {7, 16}, {33, 65}, {300, 257}, {40, 768}};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (const auto& [rows, c] : shapes) {
      const auto x = random_floats(rows * c, 1, 3, 1), scale = random_floats(c, 0.5, 2, 3);
      std::vector<float> y(x.size());
      rms_norm_forward(pool, isa, rows, c, scale.data(), 1e-2f, x.data(), y.data());
      for (size_t r = 0; r < rows; ++r) {
        double squares = 0;
        for (size_t i = 0; i < c; ++i) squares += double{x[r * c + i]} * double{x[r * c + i]};
        const double inverse = 1 / std::sqrt(squares / static_cast<double>(c) + 1e-2);
        for (size_t i = 0; i < c; ++i)
          ASSERT_NEAR(y[r * c + i], double{x[r * c + i]} * inverse * double{scale[i]}, 2e-6)
              << r << ", " << i;
      }
    }
  });
}

}  // namespace
}  // namespace dunlin
