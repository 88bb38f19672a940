#include "kernels/softmax/softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dunlin/error.h"
#include "kernels/simd/kernel_testing.h"
#include "kernels/softmax/cross_entropy.h"

namespace dunlin {
namespace {

// From PyTorch 1.13: four rows of three logits.
const float kLogits[] = {-1.34589422f,  0.511897266f,  -0.693277657f, -0.166760162f,
                         -0.999882102f, -1.64756644f,  0.80982846f,   0.0554243997f,
                         1.13398826f,   -0.532643616f, 0.659211814f,  -1.59639537f};
const float kGradient[] = {-0.376874864f, -3.10203624f,    -0.0994674787f, -0.721256793f,
                           1.27078223f,   -0.00202250783f, -1.09518492f,   0.601645052f,
                           0.698414207f,  -0.800522387f,   1.53814209f,    1.46731544f};

void expect_all_near(const std::vector<float>& got, const float* expected) {
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-6) << "at " << i;
}

TEST(Softmax, MatchesPyTorch) {
  const float y[] = {0.107179709f, 0.6869753f,   0.205844998f, 0.601632476f, 0.261523664f, 0.136843845f,
                     0.350488693f, 0.164831623f, 0.484679729f, 0.215594172f, 0.709991693f, 0.0744141564f};
  const float dx[] = {0.194532841f,  -0.625247657f, 0.430714816f, -0.372644037f, 0.358980685f, 0.013663331f,
                      -0.402715832f, 0.0902976617f, 0.312418163f, -0.394363016f, 0.361721575f, 0.0326414965f};
  const float log_y[] = {-2.23324823f,  -0.375456929f, -1.58063185f,  -0.508108497f,
                         -1.34123039f,  -1.98891473f,  -1.04842675f,  -1.8028307f,
                         -0.724266946f, -1.53435743f,  -0.342501998f, -2.59810925f};
  const float log_dx[] = {0.0066547473f, -0.643778443f,  0.637123883f,   -1.05065238f,
                          1.12759721f,   -0.0769449249f, -1.16699111f,   0.567875266f,
                          0.599115789f,  -1.27589357f,   -0.0273435023f, 1.30323708f};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> got(12), gradient(12);
    softmax_forward(pool, isa, 4, 3, kLogits, got.data());
    expect_all_near(got, y);
    softmax_backward(pool, isa, 4, 3, kGradient, got.data(), gradient.data());
    expect_all_near(gradient, dx);
    log_softmax_forward(pool, isa, 4, 3, kLogits, got.data());
    expect_all_near(got, log_y);
    log_softmax_backward(pool, isa, 4, 3, kGradient, got.data(), gradient.data());
    expect_all_near(gradient, log_dx);
  });
}

TEST(Softmax, MatchesDoubleOnEveryShape) {
  const size_t shapes[][2] = {{1, 1}, {9, 10}, {5, 65}, {300, 197}, {3, 1000}};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (const auto& [rows, c] : shapes) {
      const auto x = random_floats(rows * c, -30, 30, 1), dy = random_floats(rows * c, -1, 1, 2);
      std::vector<float> y(x.size()), dx(x.size()), log_y(x.size()), log_dx(x.size());
      softmax_forward(pool, isa, rows, c, x.data(), y.data());
      softmax_backward(pool, isa, rows, c, dy.data(), y.data(), dx.data());
      log_softmax_forward(pool, isa, rows, c, x.data(), log_y.data());
      log_softmax_backward(pool, isa, rows, c, dy.data(), log_y.data(), log_dx.data());
      for (size_t r = 0; r < rows; ++r) {
        const float *row = &x[r * c], *g = &dy[r * c];
        double sum = 0, dot = 0, dy_sum = 0;
        for (size_t k = 0; k < c; ++k) sum += std::exp(double(row[k]));
        for (size_t k = 0; k < c; ++k) dot += g[k] * std::exp(double(row[k])) / sum, dy_sum += g[k];
        for (size_t k = 0; k < c; ++k) {
          const double p = std::exp(double(row[k])) / sum;
          ASSERT_NEAR(y[r * c + k], p, 1e-6 * p + 1e-12);
          ASSERT_NEAR(log_y[r * c + k], std::log(p), 1e-5);
          ASSERT_NEAR(dx[r * c + k], p * (g[k] - dot), 1e-6);
          ASSERT_NEAR(log_dx[r * c + k], g[k] - p * dy_sum, 2e-5 * (1 + std::fabs(dy_sum)));
        }
      }
    }
  });
}

TEST(Softmax, LargeLogitsAndNan) {
  ThreadPool pool(1);
  for (Isa isa : available_isas()) {
    const float x[] = {1e30f, 1e30f, -1e30f, -INFINITY, 0, NAN};
    float y[6];
    softmax_forward(pool, isa, 2, 3, x, y);
    EXPECT_EQ(y[0], 0.5f);
    EXPECT_EQ(y[1], 0.5f);
    EXPECT_EQ(y[2], 0);
    EXPECT_TRUE(std::isnan(y[4]) && std::isnan(y[5]));
  }
}

TEST(CrossEntropy, MatchesPyTorch) {  // class weights, ignore_index 0
  const float weights[] = {0.5f, 2, 1.25f};
  const int64_t labels[] = {2, 0, 1, 1};
  const float mean_gradient[] = {
      0.0255189799f, 0.163565546f,  -0.18908453f, 0, 0, 0, 0.133519515f, -0.318159372f, 0.184639901f,
      0.0821311176f, -0.110479355f, 0.0283482447f};
  const CrossEntropy ce{.rows = 4, .classes = 3, .labels = labels, .weights = weights, .ignore_index = 0};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> log_probabilities(12), losses(4), dlogits(12);
    check_labels(ce);
    cross_entropy_forward(pool, isa, ce, kLogits, log_probabilities.data(), losses.data());
    const double sum = double(losses[0]) + losses[1] + losses[2] + losses[3];
    EXPECT_NEAR(sum, 6.26645565032959, 3e-6);
    EXPECT_NEAR(sum / cross_entropy_weight(ce), 1.1936105489730835, 1e-6);
    const std::vector<float> half(4, 0.5f);
    const auto scale = static_cast<float>(2 / cross_entropy_weight(ce));
    cross_entropy_backward(pool, isa, ce, half.data(), scale, log_probabilities.data(), dlogits.data());
    expect_all_near(dlogits, mean_gradient);
  });
}

TEST(CrossEntropy, RefusesLabelsOutsideTheClasses) {
  for (int64_t bad : {-1, 3}) {
    const int64_t labels[] = {0, bad};
    CrossEntropy ce{.rows = 2, .classes = 3, .labels = labels};
    EXPECT_THROW(check_labels(ce), Error) << bad;
    ce.ignore_index = bad;
    check_labels(ce);
  }
}

}  // namespace
}  // namespace dunlin
