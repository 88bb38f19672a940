#include "kernels/optimizer/optimizer.h"

#include <gtest/gtest.h>

#include <functional>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

// Three steps of PyTorch 1.13's optimizers on three parameters.
const float kStart[] = {0.803276062f, 0.174833387f, 0.0889780968f};
const float kGradients[3][3] = {{-0.613718033f, 0.0461824499f, -1.36825919f},
                                {0.337495089f, 1.01111591f, -1.43517935f},
                                {0.977431774f, 0.522049963f, 1.23791671f}};

/// Runs three steps on n parameters, parameter i being a copy of parameter i % 3.
void expect_after_three_steps(size_t n, const float* expected,
                              const std::function<void(size_t step, const float* gradient, float* w)>& run) {
  std::vector<float> w(n), g(n);
  for (size_t i = 0; i < n; ++i) w[i] = kStart[i % 3];
  for (size_t step = 1; step <= 3; ++step) {
    for (size_t i = 0; i < n; ++i) g[i] = kGradients[step - 1][i % 3] * 4;
    run(step, g.data(), w.data());
  }
  for (size_t i = 0; i < n; ++i) ASSERT_NEAR(w[i], expected[i % 3], 1e-6) << i << " of " << n;
}

TEST(Optimizer, SgdMatchesPyTorch) {
  const struct {
    float momentum, dampening, weight_decay;
    bool nesterov;
    float expected[3];
  } cases[] = {{0, 0, 0.01f, false, {0.73065877f, 0.0164849162f, 0.244846568f}},
               {0.9f, 0, 0.01f, false, {0.803024411f, -0.0828603953f, 0.607506692f}},
               {0.9f, 0, 0.01f, true, {0.730196297f, -0.215242907f, 0.710610688f}},
               {0.9f, 0.5f, 0, false, {0.888660014f, 0.0401594341f, 0.534222543f}}};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (const auto& c : cases) {
      for (size_t n : kOddSizes) {
        std::vector<float> velocity(n);
        expect_after_three_steps(n, c.expected, [&](size_t step, const float* gradient, float* w) {
          const SgdParameters p{.learning_rate = 0.1f,
                                .momentum = c.momentum,
                                .dampening = step == 1 ? 0 : c.dampening,
                                .weight_decay = c.weight_decay,
                                .nesterov = c.nesterov,
                                .gradient_scale = 0.25f};
          sgd_step(pool, isa, p, gradient, c.momentum == 0 ? nullptr : velocity.data(), w, n);
        });
      }
    }
  });
}

TEST(Optimizer, AdamMatchesPyTorch) {
  const float adam[] = {0.881740808f, -0.0851866826f, 0.320702612f};
  const float adamw[] = {0.881815434f, -0.0852628276f, 0.320280224f};
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (bool decoupled : {false, true}) {
      for (size_t n : kOddSizes) {
        std::vector<float> m(n), v(n);
        expect_after_three_steps(n, decoupled ? adamw : adam,
                                 [&](size_t step, const float* gradient, float* w) {
                                   const AdamParameters p{.learning_rate = 0.1f,
                                                          .weight_decay = 0.01f,
                                                          .decoupled = decoupled,
                                                          .gradient_scale = 0.25f};
                                   adam_step(pool, isa, p, step, gradient, m.data(), v.data(), w, n);
                                 });
      }
    }
  });
}

}  // namespace
}  // namespace dunlin
