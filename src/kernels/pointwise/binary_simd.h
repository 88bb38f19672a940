#pragma once

#include <cstddef>

#include "kernels/pointwise/binary.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

/// `rows` rows of n elements; y is dense. An input's step within a row is 0 or 1, between rows anything.
struct BinaryRows {
  size_t rows, n;
  ptrdiff_t a_row, b_row;
  bool a_step, b_step;
};

struct BinaryTable {
  void (*rows)(BinaryOp op, const BinaryRows& r, const float* a, const float* b, float* y);
};
DUNLIN_SIMD_TABLE(BinaryTable, binary_table)

}  // namespace dunlin
