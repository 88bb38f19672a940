#pragma once

#include <cstddef>

#include "kernels/simd/dispatch.h"

namespace dunlin {

struct AccumulateTable {
  void (*axpby)(float a, const float* x, float b, float* y, size_t n);
};
DUNLIN_SIMD_TABLE(AccumulateTable, accumulate_table)

}  // namespace dunlin
