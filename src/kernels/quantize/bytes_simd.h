// Loops over bytes in plain C++, which the compiler turns into vectors, once per instruction-set level.
#pragma once

#include "kernels/quantize/bytes.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

struct BytesTable {
  void (*lookup)(const uint8_t* x, const uint8_t* table, uint8_t* y, size_t n);
  /// Elements [0, n) of rows that begin at the operands.
  void (*binary)(BytesBinary op, const BytesOperand& a, const BytesOperand& b, const Int8Output& output,
                 uint8_t* y, size_t n);
  /// sums[c] += x[row * stride + c]
  void (*add_rows)(const void* x, bool is_signed, size_t rows, size_t stride, size_t c, int32_t* sums);
  void (*scale)(const int32_t* sums, float scale, const Int8Output& output, uint8_t* y, size_t n);
  /// y = max(y, x)
  void (*take_larger)(const void* x, bool is_signed, void* y, size_t n);
};
DUNLIN_SIMD_TABLE(BytesTable, bytes_table)

}  // namespace dunlin
