// What lies between integer products: elementwise steps and pools over bytes with one scale each, channels last. Results
// have the same bits on every instruction-set level and any number of threads. T is int8_t or uint8_t.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/int8_output.h"
#include "kernels/pool/pool.h"

namespace dunlin {

/// y = bytes of nearest(x / scale), ties to even, + zero_point; NaN becomes 0. As quantize() of quantize.h.
struct ByteScale {
  float scale;
  int32_t zero_point;
  bool is_signed;
};
void quantize_bytes(Isa isa, ThreadPool& pool, const float* x, const ByteScale& to, uint8_t* y, size_t n);
/// The same of images of three planes each, x [images, 3, pixels], whose pixels then lie together:
/// y [images, pixels, 3].
void quantize_interleaved(Isa isa, ThreadPool& pool, const float* x, const ByteScale& to, uint8_t* y,
                          size_t images, size_t pixels);

/// y = table[x], by the byte that x is. y may be x.
void lookup_bytes(Isa isa, ThreadPool& pool, const uint8_t* x, const uint8_t* table, uint8_t* y, size_t n);

/// One operand: its numbers are (bytes - zero_point) * scale.
struct BytesOperand {
  const void* data;
  bool is_signed;
  int32_t zero_point;
  float scale;
};
/// y = bytes of a + b, where both are scaled in f32 first; or of (a - zero) * (b - zero), scaled by a.scale.
enum class BytesBinary : uint8_t { kAdd, kMul };
/// a and y hold images x pixels x channels elements; b as many, or with `b_per_image` images x channels, which
/// serve every pixel.
struct BytesBinaryDims {
  size_t images = 1, pixels = 1, channels = 1;
  bool b_per_image = false;
};
void binary_bytes(Isa isa, ThreadPool& pool, BytesBinary op, const BytesBinaryDims& dims,
                  const BytesOperand& a, const BytesOperand& b, const Int8Output& output, uint8_t* y);

/// y [n, c] = bytes of the sum over the pixels of x [n, hw, c] less hw zero points, scaled by x.scale; hw < 2^23.
void global_average_pool_bytes(Isa isa, ThreadPool& pool, size_t n, size_t hw, size_t c,
                               const BytesOperand& x, const Int8Output& output, uint8_t* y);

/// Every window must reach into the image.
void max_pool_bytes(Isa isa, ThreadPool& pool, const PoolDims& dims, bool is_signed, const void* x, void* y);

}  // namespace dunlin
