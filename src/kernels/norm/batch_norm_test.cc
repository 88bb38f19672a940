#include "kernels/norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

/// Everything the two training passes write.
struct Result {
  std::vector<float> mean, variance, inv_std, y, dx, dscale, dbias;
};
Result train(ThreadPool& pool, Isa isa, size_t rows, size_t c, const BatchNormParameters& p, const float* x,
             const float* dy) {
  Result r;
  for (auto* v : {&r.mean, &r.variance, &r.inv_std, &r.dscale, &r.dbias}) v->resize(c);
  r.y.resize(rows * c);
  r.dx.resize(rows * c);
  std::vector<float> scratch(batch_norm_scratch(rows, c), NAN);
  batch_norm_training_forward(pool, isa, rows, c, p, x, scratch.data(), r.mean.data(), r.variance.data(),
                              r.inv_std.data(), r.y.data());
  std::fill(scratch.begin(), scratch.end(), NAN);
  batch_norm_backward(pool, isa, rows, c, p, dy, x, r.mean.data(), r.inv_std.data(), scratch.data(),
                      r.dx.data(), r.dscale.data(), r.dbias.data());
  return r;
}

void expect_all_near(const std::vector<float>& got, const float* expected, double tolerance) {
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], tolerance) << "at " << i;
}

// relu6(batch_norm(x)) and its gradients from PyTorch 1.13
TEST(BatchNorm, MatchesPyTorch) {
  const float x[] = {-1.5255959f,   -0.750231802f, 0.699542403f,  0.19908163f,   0.865692377f,  0.244403899f,
                     -0.662911355f, 0.807308257f,  0.439141572f,  1.17120075f,   -2.24555779f,  -1.44645798f,
                     0.061155282f,  -0.617744446f, -0.798069835f, -0.131623209f, -0.798439801f, 0.335730523f};
  const float scale[] = {1.5f, -0.5f, 0.75f}, bias[] = {0.25f, -1, 0.5f};
  const float dy[] = {0.157770604f, -0.773454905f, 0.762600601f, 0.441510916f, 1.16513848f,  2.01539183f,
                      0.215182453f, -0.524193645f, -1.80336392f, -1.30832088f, 1.53924584f,  -0.8695876f,
                      -3.33115363f, -0.747872233f, 1.11734962f,  0.29813531f,  0.109885544f, -0.646338522f};
  const float y[] = {0,
                     0,
                     1.26819038f,
                     0.882047713f,
                     0,
                     0.824020565f,
                     0,
                     0,
                     1.01406515f,
                     2.65172172f,
                     0,
                     0,
                     0.630962551f,
                     0,
                     0,
                     0.280022979f,
                     0,
                     0.913146257f};
  const float dx[] = {-0.211020678f, 0, 0.680880785f,   2.3383894f,   0, 1.90923047f,
                      0.662164688f,  0, -1.81995511f,   0.136896938f, 0, -0.0362286977f,
                      -4.6690836f,   0, -0.0444204882f, 1.74265409f,  0, -0.689507008f};
  const float dscale[] = {-2.74884009f, 0, 0.0596960261f}, dbias[] = {-3.89982843f, 0, 0.328290045f};
  const float mean[] = {-0.148115471f, -0.456495523f, -0.0876182318f};
  const float unbiased_variance[] = {0.813534856f, 1.35506642f, 0.707549512f};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    const Result r = train(pool, isa, 6, 3, {scale, bias, 1e-3f, Activation::clip(0, 6)}, x, dy);
    expect_all_near(r.y, y, 1e-6);
    expect_all_near(r.dx, dx, 2e-6);
    expect_all_near(r.dscale, dscale, 2e-6);
    expect_all_near(r.dbias, dbias, 2e-6);
    expect_all_near(r.mean, mean, 1e-6);
    for (size_t k = 0; k < 3; ++k) ASSERT_NEAR(r.variance[k] * 6 / 5, unbiased_variance[k], 1e-6);
  });
}

TEST(BatchNorm, MatchesDoubleOnEveryShape) {
  const size_t shapes[][2] = {{1, 5}, {2, 1}, {9, 16}, {100, 19}, {513, 33}, {3000, 40}, {70, 1300}};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (const auto& [rows, c] : shapes) {
      for (Activation act : {Activation::none(), Activation::relu(), Activation{ActivationKind::kSilu}}) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(c) + ", activation " +
                     std::to_string(int(act.kind)));
        const auto x = random_floats(rows * c, 1, 3, 1), dy = random_floats(rows * c, -1, 1, 2);
        const auto scale = random_floats(c, 0.5, 2, 3), bias = random_floats(c, -1, 1, 4);
        const double epsilon = 1e-2f;
        const Result r =
            train(pool, isa, rows, c, {scale.data(), bias.data(), 1e-2f, act}, x.data(), dy.data());
        for (size_t k = 0; k < c; ++k) {
          double mean = 0, variance = 0, sum = 0, dot = 0;
          for (size_t i = 0; i < rows; ++i) mean += x[i * c + k] / double(rows);
          for (size_t i = 0; i < rows; ++i) variance += std::pow(x[i * c + k] - mean, 2) / double(rows);
          const double inv_std = 1 / std::sqrt(variance + epsilon);
          ASSERT_NEAR(r.mean[k], mean, 1e-6);
          ASSERT_NEAR(r.variance[k], variance, 1e-6);
          ASSERT_NEAR(r.inv_std[k], inv_std, 1e-5 * inv_std);
          const auto gradient = [&](size_t i) {
            const double pre = (x[i * c + k] - mean) * inv_std * scale[k] + bias[k],
                         s = 1 / (1 + std::exp(-pre));
            const bool near_kink = act.kind == ActivationKind::kClip && std::fabs(pre) < 1e-5;
            EXPECT_FALSE(near_kink) << "choose another seed";
            if (act.kind == ActivationKind::kClip) return pre > 0 ? double(dy[i * c + k]) : 0;
            if (act.kind == ActivationKind::kSilu) return dy[i * c + k] * s * (1 + pre * (1 - s));
            return double(dy[i * c + k]);
          };
          for (size_t i = 0; i < rows; ++i) {
            sum += gradient(i);
            dot += gradient(i) * (x[i * c + k] - mean) * inv_std;
          }
          ASSERT_NEAR(r.dbias[k], sum, 1e-4);
          ASSERT_NEAR(r.dscale[k], dot, 1e-4);
          for (size_t i = 0; i < rows; ++i) {
            const double xhat = (x[i * c + k] - mean) * inv_std;
            const double expected = scale[k] * inv_std * (gradient(i) - (sum + xhat * dot) / double(rows));
            ASSERT_NEAR(r.dx[i * c + k], expected, 2e-5 * (1 + inv_std)) << "row " << i << " channel " << k;
          }
        }
      }
    }
  });
}

TEST(BatchNorm, VarianceFarFromZero) {  // sum(x^2) - mean^2 would lose every digit here
  ThreadPool pool(2);
  const size_t rows = 20000, c = 17;
  auto x = random_floats(rows * c, -1, 1, 1);
  for (float& v : x) v += 3000;
  const std::vector<float> one(c, 1.f), zero(c);
  for (Isa isa : available_isas()) {
    const Result r = train(pool, isa, rows, c, {one.data(), zero.data(), 0, {}}, x.data(), x.data());
    for (size_t k = 0; k < c; ++k) {
      double mean = 0, variance = 0;
      for (size_t i = 0; i < rows; ++i) mean += x[i * c + k] / double(rows);
      for (size_t i = 0; i < rows; ++i) variance += std::pow(x[i * c + k] - mean, 2) / double(rows);
      EXPECT_NEAR(r.mean[k], mean, 1e-3);
      EXPECT_NEAR(r.variance[k], variance, 1e-4 * variance) << to_string(isa);
    }
  }
}

TEST(BatchNorm, SameBitsOnAnyThreads) {
  const size_t rows = 5000, c = 33;
  const auto x = random_floats(rows * c, 0, 2, 1), dy = random_floats(rows * c, -1, 1, 2);
  const auto scale = random_floats(c, 0.5, 2, 3), bias = random_floats(c, -1, 1, 4);
  for (Isa isa : available_isas()) {
    EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
      Result r = train(pool, isa, rows, c, {scale.data(), bias.data(), 1e-5f, Activation::relu()}, x.data(),
                       dy.data());
      std::vector<float> all = r.y;
      for (auto* v : {&r.mean, &r.variance, &r.dx, &r.dscale, &r.dbias})
        all.insert(all.end(), v->begin(), v->end());
      return all;
    })) << to_string(isa);
  }
}

TEST(BatchNorm, FoldedFormMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    const size_t rows = 1001, c = 37;
    const auto scale = random_floats(c, 0.5, 2, 3), bias = random_floats(c, -1, 1, 4);
    const auto mean = random_floats(c, -1, 1, 5), variance = random_floats(c, 0.1f, 2, 6);
    auto x = random_floats(rows * c, -1, 1, 1);
    const auto x0 = x;
    std::vector<float> factor(c), offset(c);
    batch_norm_fold(c, scale.data(), bias.data(), mean.data(), variance.data(), 1e-3f, factor.data(),
                    offset.data());
    scale_shift(pool, isa, rows, c, factor.data(), offset.data(), Activation::relu(), x.data(), x.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = i % c;
      const double pre =
          (double(x0[i]) - mean[k]) / std::sqrt(variance[k] + double(1e-3f)) * scale[k] + bias[k];
      ASSERT_NEAR(x[i], std::fmax(pre, 0), 5e-6);
    }
  });
}

}  // namespace
}  // namespace dunlin
