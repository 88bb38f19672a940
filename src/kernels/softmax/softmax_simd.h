#pragma once

#include <cstddef>

#include "kernels/simd/dispatch.h"

namespace dunlin {

struct SoftmaxTable {
  void (*forward)(size_t rows, size_t c, const float* x, float* y);
  void (*backward)(size_t rows, size_t c, const float* dy, const float* y, float* dx);
  void (*log_forward)(size_t rows, size_t c, const float* x, float* y);
  void (*log_backward)(size_t rows, size_t c, const float* dy, const float* y, float* dx);
};
DUNLIN_SIMD_TABLE(SoftmaxTable, softmax_table)

}  // namespace dunlin
