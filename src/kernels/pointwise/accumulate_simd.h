#pragma once

#include <cstddef>

#include "kernels/simd/dispatch.h"

namespace dunlin {

struct AccumulateTable {
  void (*axpby)(float a, const float* x, float b, float* y, size_t n);
  /// y[i] = sum of inputs[k][begin + i]
  void (*sum)(const float* const* inputs, size_t count, size_t begin, float* y, size_t n);
};
DUNLIN_SIMD_TABLE(AccumulateTable, accumulate_table)

}  // namespace dunlin
