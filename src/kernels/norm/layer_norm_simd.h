#pragma once

#include <cstddef>

#include "kernels/simd/dispatch.h"

namespace dunlin {

struct LayerNormTable {
  /// Not `centred`: the mean counts as 0.
  void (*forward)(size_t rows, size_t c, bool centred, const float* scale, const float* bias, float epsilon,
                  const float* x, float* y, float* mean, float* inv_std);
  /// dscale and dbias [c] are overwritten with the sums over these rows.
  void (*backward)(size_t rows, size_t c, const float* scale, const float* dy, const float* x,
                   const float* mean, const float* inv_std, float* dx, float* dscale, float* dbias);
};
DUNLIN_SIMD_TABLE(LayerNormTable, layer_norm_table)

}  // namespace dunlin
