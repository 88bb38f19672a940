#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/dispatch.h"

namespace dunlin {

enum class Accumulate : uint8_t { kSum, kSumSquares, kMax, kMin };

struct ReduceTable {
  /// y [outer, inner] from `reduced` <= a few thousand elements each.
  void (*block)(Accumulate op, size_t outer, size_t reduced, size_t inner, const float* x, float* y);
  /// y[i] = y[i] op x[i]
  void (*combine)(Accumulate op, size_t n, const float* x, float* y);
};
DUNLIN_SIMD_TABLE(ReduceTable, reduce_table)

}  // namespace dunlin
