#include "kernels/norm/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/norm/batch_norm_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {

/// Statistics are gathered in this many runs of rows; a function of the shape alone.
size_t parts_of(size_t rows, size_t c) {
  return std::max<size_t>(1, std::min({rows / 64, rows * c / (2 * kMinElementsPerThread), size_t{32}}));
}

/// Rows [part_begin(i), part_begin(i + 1)) are part i.
size_t part_begin(size_t rows, size_t parts, size_t i) { return rows * i / parts; }

constexpr size_t kPartVectors = 4;  // two results and two work vectors a part

/// Of each part: the sums of dy before the activation, and of the same times (x - mean).
void gradient_sums(ThreadPool& pool, const BatchNormTable& table, size_t rows, size_t c,
                   const BatchNormLine& line, const Activation& activation, const float* dy, const float* x,
                   float* scratch) {
  const size_t parts = parts_of(rows, c);
  pool.parallel_for(parts, [&](size_t i, int) {
    float* part = scratch + i * kPartVectors * c;
    const size_t begin = part_begin(rows, parts, i);
    table.gradient_sums(part_begin(rows, parts, i + 1) - begin, c, line, activation, dy + begin * c,
                        x + begin * c, part + 2 * c, part, part + c);
  });
}

/// Both sums of channel k over all parts.
std::pair<double, double> total(const float* scratch, size_t parts, size_t c, size_t k) {
  double sum = 0, dot = 0;
  for (size_t i = 0; i < parts; ++i) {
    sum += scratch[i * kPartVectors * c + k];
    dot += scratch[i * kPartVectors * c + c + k];
  }
  return {sum, dot};
}

}  // namespace

size_t batch_norm_scratch(size_t rows, size_t c) { return (parts_of(rows, c) * kPartVectors + 4) * c; }

void batch_norm_training_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c,
                                 const BatchNormParameters& p, const float* x, float* scratch, float* mean,
                                 float* variance, float* inv_std, float* y) {
  const auto& table = batch_norm_table_of(isa);
  const size_t parts = parts_of(rows, c);
  pool.parallel_for(parts, [&](size_t i, int) {
    float* part = scratch + i * kPartVectors * c;
    const size_t begin = part_begin(rows, parts, i);
    table.moments(part_begin(rows, parts, i + 1) - begin, c, x + begin * c, part + 2 * c, part, part + c);
  });
  float* factor = scratch + parts * kPartVectors * c;
  float* offset = factor + c;
  for (size_t k = 0; k < c; ++k) {
    double m = scratch[k], deviations = scratch[c + k],
           count = static_cast<double>(part_begin(rows, parts, 1));
    for (size_t i = 1; i < parts; ++i) {
      const float* part = scratch + i * kPartVectors * c;
      const auto n = static_cast<double>(part_begin(rows, parts, i + 1) - part_begin(rows, parts, i));
      const double delta = part[k] - m;
      deviations += part[c + k] + delta * delta * (count * n / (count + n));
      m += delta * (n / (count + n));
      count += n;
    }
    const double var = deviations / count;
    mean[k] = static_cast<float>(m);
    variance[k] = static_cast<float>(var);
    inv_std[k] = static_cast<float>(1 / std::sqrt(var + static_cast<double>(p.epsilon)));
    factor[k] = p.scale[k] * inv_std[k];
    offset[k] = p.bias[k] - mean[k] * factor[k];
  }
  scale_shift(pool, isa, rows, c, factor, offset, p.activation, x, y);
}

void batch_norm_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const BatchNormParameters& p,
                         const float* dy, const float* x, const float* mean, const float* inv_std,
                         float* scratch, float* dx, float* dscale, float* dbias) {
  const auto& table = batch_norm_table_of(isa);
  const size_t parts = parts_of(rows, c);
  float* factor = scratch + parts * kPartVectors * c;
  float *offset = factor + c, *slope = offset + c, *shift = slope + c;
  for (size_t k = 0; k < c; ++k) {  // as the forward pass has them, bit for bit
    factor[k] = p.scale[k] * inv_std[k];
    offset[k] = p.bias[k] - mean[k] * factor[k];
  }
  const BatchNormLine line{factor, offset, mean};
  gradient_sums(pool, table, rows, c, line, p.activation, dy, x, scratch);
  for (size_t k = 0; k < c; ++k) {
    const auto [sum, dot] = total(scratch, parts, c, k);
    const double istd = inv_std[k], n = static_cast<double>(rows);
    dbias[k] = static_cast<float>(sum);
    dscale[k] = static_cast<float>(dot * istd);
    slope[k] = static_cast<float>(-factor[k] * dot * istd * istd / n);
    shift[k] = static_cast<float>(-factor[k] * sum / n);
  }
  split_tasks(pool, rows, 3 * c, [&](size_t r, size_t end) {
    table.gradient(end - r, c, line, p.activation, slope, shift, dy + r * c, x + r * c, dx + r * c);
  });
}

void batch_norm_frozen_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale,
                                const float* mean, const float* variance, float epsilon, const float* dy,
                                const float* x, float* scratch, float* dx, float* dscale, float* dbias) {
  const auto& table = batch_norm_table_of(isa);
  const size_t parts = parts_of(rows, c);
  float* factor = scratch + parts * kPartVectors * c;
  float *offset = factor + c, *zero = offset + c;  // without activation nothing reads the offset
  const auto inverse = [&](size_t k) {
    return 1 / std::sqrt(static_cast<double>(variance[k]) + static_cast<double>(epsilon));
  };
  for (size_t k = 0; k < c; ++k) {
    factor[k] = static_cast<float>(scale[k] * inverse(k));
    offset[k] = zero[k] = 0;
  }
  const BatchNormLine line{factor, offset, mean};
  gradient_sums(pool, table, rows, c, line, Activation::none(), dy, x, scratch);
  for (size_t k = 0; k < c; ++k) {
    const auto [sum, dot] = total(scratch, parts, c, k);
    dbias[k] = static_cast<float>(sum);
    dscale[k] = static_cast<float>(dot * inverse(k));
  }
  scale_shift(pool, isa, rows, c, factor, zero, Activation::none(), dy, dx);
}

void batch_norm_fold(size_t c, const float* scale, const float* bias, const float* mean,
                     const float* variance, float epsilon, float* factor, float* offset) {
  for (size_t k = 0; k < c; ++k) {
    const double f = scale[k] / std::sqrt(static_cast<double>(variance[k]) + static_cast<double>(epsilon));
    factor[k] = static_cast<float>(f);
    offset[k] = static_cast<float>(bias[k] - mean[k] * f);
  }
}

void scale_shift(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* factor, const float* offset,
                 const Activation& activation, const float* x, float* y) {
  const auto& table = batch_norm_table_of(isa);
  split_tasks(pool, rows, c, [&](size_t r, size_t end) {
    table.scale_shift(end - r, c, factor, offset, activation, x + r * c, y + r * c);
  });
}

}  // namespace dunlin
