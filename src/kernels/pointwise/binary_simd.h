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

template <typename A, typename B, typename Y>
using BinaryRowsFunction = void (*)(BinaryOp op, const BinaryRows& r, const A* a, const B* b, Y* y);

struct BinaryTable {
  BinaryRowsFunction<float, float, float> rows;
  BinaryRowsFunction<BFloat16, BFloat16, BFloat16> rows_bf16;
  BinaryRowsFunction<BFloat16, float, BFloat16> rows_bf16_float;
  BinaryRowsFunction<float, BFloat16, BFloat16> rows_float_bf16;

  void of(BinaryRowsFunction<float, float, float>& f) const { f = rows; }
  void of(BinaryRowsFunction<BFloat16, BFloat16, BFloat16>& f) const { f = rows_bf16; }
  void of(BinaryRowsFunction<BFloat16, float, BFloat16>& f) const { f = rows_bf16_float; }
  void of(BinaryRowsFunction<float, BFloat16, BFloat16>& f) const { f = rows_float_bf16; }
};
DUNLIN_SIMD_TABLE_BF16(BinaryTable, binary_table)

}  // namespace dunlin
