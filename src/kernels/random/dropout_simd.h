#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/dispatch.h"

namespace dunlin {

struct DropoutTable {
  /// Elements `first` (a multiple of 4) to first + n of the stream; `threshold`: of the upper 24 bits.
  void (*forward)(uint64_t seed, uint64_t stream, uint64_t first, uint32_t threshold, float scale, size_t n,
                  const float* x, float* y, bool* mask);
  void (*backward)(float scale, size_t n, const float* dy, const bool* mask, float* dx);
};
DUNLIN_SIMD_TABLE(DropoutTable, dropout_table)

}  // namespace dunlin
