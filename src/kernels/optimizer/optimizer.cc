#include "kernels/optimizer/optimizer.h"

#include <cmath>

#include "kernels/optimizer/optimizer_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

void sgd_step(ThreadPool& pool, Isa isa, const SgdParameters& p, const float* gradient, float* velocity,
              float* w, size_t n) {
  const auto& table = optimizer_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) {
    table.sgd(p, gradient + i, velocity ? velocity + i : nullptr, w + i, end - i);
  });
}

void adam_step(ThreadPool& pool, Isa isa, const AdamParameters& p, size_t step, const float* gradient,
               float* m, float* v, float* w, size_t n) {
  const auto& table = optimizer_table_of(isa);
  const auto t = static_cast<double>(step);
  const auto step_size =
      static_cast<float>(p.learning_rate / (1 - std::pow(static_cast<double>(p.beta1), t)));
  const auto correction = static_cast<float>(1 / std::sqrt(1 - std::pow(static_cast<double>(p.beta2), t)));
  split_elements(pool, n, [&](size_t i, size_t end) {
    table.adam(p, step_size, correction, gradient + i, m + i, v + i, w + i, end - i);
  });
}

}  // namespace dunlin
