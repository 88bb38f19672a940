#pragma once

#include <cstddef>

#include "kernels/epilogue.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

/// What both passes of the gradient read per channel: pre = x * factor + offset.
struct BatchNormLine {
  const float* factor;
  const float* offset;
  const float* mean;
};

struct BatchNormTable {
  /// Mean and sum of squared deviations of some rows; `work` holds 2 * c floats.
  void (*moments)(size_t rows, size_t c, const float* x, float* work, float* mean, float* deviations);
  void (*scale_shift)(size_t rows, size_t c, const float* factor, const float* offset, const Activation& act,
                      const float* x, float* y);
  /// With g = dy * act'(pre): dbias = sum of g, dot = sum of g * (x - mean); `work` holds 2 * c floats.
  void (*gradient_sums)(size_t rows, size_t c, const BatchNormLine& line, const Activation& act,
                        const float* dy, const float* x, float* work, float* dbias, float* dot);
  /// dx = g * factor + (x - mean) * slope + shift
  void (*gradient)(size_t rows, size_t c, const BatchNormLine& line, const Activation& act,
                   const float* slope, const float* shift, const float* dy, const float* x, float* dx);
};
DUNLIN_SIMD_TABLE(BatchNormTable, batch_norm_table)

}  // namespace dunlin
