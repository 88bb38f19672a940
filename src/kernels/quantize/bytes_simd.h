// Loops over bytes, compiled once per instruction-set level; where nothing else is said in plain C++, which the compiler
// turns into vectors.
#pragma once

#include "kernels/quantize/bytes.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

/// Rows of `channels` elements; b_step 0 reads the first row of b again and again.
struct BytesRows {
  size_t rows, channels, b_step;
};

struct BytesTable {
  void (*quantize)(const float* x, const ByteScale& to, uint8_t* y, size_t n);
  /// Three planes, `plane` floats apart.
  void (*quantize_interleaved)(const float* x, size_t plane, const ByteScale& to, uint8_t* y, size_t pixels);
  void (*lookup)(const uint8_t* x, const uint8_t* table, uint8_t* y, size_t n);
  void (*binary)(BytesBinary op, const BytesRows& rows, const BytesOperand& a, const BytesOperand& b,
                 const Int8Output& output, uint8_t* y);
  /// sums[c] += x[row * stride + c]
  void (*add_rows)(const void* x, bool is_signed, size_t rows, size_t stride, size_t c, int32_t* sums);
  void (*scale)(const int32_t* sums, float scale, const Int8Output& output, uint8_t* y, size_t n);
  /// y = max(y, x)
  void (*take_larger)(const void* x, bool is_signed, void* y, size_t n);
};
DUNLIN_SIMD_TABLE(BytesTable, bytes_table)

}  // namespace dunlin
