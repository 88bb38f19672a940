#include "kernels/norm/layer_norm.h"

#include <algorithm>

#include "kernels/norm/layer_norm_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {
/// The parameters' gradients are summed in this many runs of rows; a function of the shape alone.
size_t parts_of(size_t rows, size_t c) {
  return std::max<size_t>(1, std::min({rows / 8, rows * c / kMinElementsPerThread, size_t{64}}));
}
}  // namespace

void layer_norm_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale,
                        const float* bias, float epsilon, const float* x, float* y, float* mean,
                        float* inv_std) {
  const auto& table = layer_norm_table_of(isa);
  split_tasks(pool, rows, c, [&](size_t r, size_t end) {
    table.forward(end - r, c, true, scale, bias, epsilon, x + r * c, y + r * c, mean ? mean + r : nullptr,
                  inv_std ? inv_std + r : nullptr);
  });
}

void rms_norm_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale, float epsilon,
                      const float* x, float* y) {
  const auto& table = layer_norm_table_of(isa);
  split_tasks(pool, rows, c, [&](size_t r, size_t end) {
    table.forward(end - r, c, false, scale, nullptr, epsilon, x + r * c, y + r * c, nullptr, nullptr);
  });
}

size_t layer_norm_backward_scratch(size_t rows, size_t c) { return parts_of(rows, c) * 2 * c; }

void layer_norm_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale,
                         const float* dy, const float* x, const float* mean, const float* inv_std,
                         float* scratch, float* dx, float* dscale, float* dbias) {
  const auto& table = layer_norm_table_of(isa);
  const size_t parts = parts_of(rows, c);
  pool.parallel_for(parts, [&](size_t i, int) {
    const size_t r = rows * i / parts, count = rows * (i + 1) / parts - r;
    float* part = scratch + i * 2 * c;
    table.backward(count, c, scale, dy + r * c, x + r * c, mean + r, inv_std + r, dx + r * c, part, part + c);
  });
  if (dscale == nullptr) return;
  for (size_t k = 0; k < c; ++k) {
    double scale_sum = 0, bias_sum = 0;
    for (size_t i = 0; i < parts; ++i) {
      scale_sum += scratch[i * 2 * c + k];
      bias_sum += scratch[i * 2 * c + c + k];
    }
    dscale[k] = static_cast<float>(scale_sum);
    dbias[k] = static_cast<float>(bias_sum);
  }
}

}  // namespace dunlin
