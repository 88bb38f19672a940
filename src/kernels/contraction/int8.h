/// Convolution and matrix products of 8-bit integers: y = f(sum of (x - x_zero) * w), where f makes bytes, floats
/// or leaves the sums. A matrix product is a convolution of one image of M pixels with a kernel of one.
///
/// Layout   as in conv.h: x: [N, D, H, W, C] of u8, y: [N, OD, OH, OW, O]. Signed activations are turned into
///          unsigned ones by flip_signs, with 128 added to their zero point.
/// Numbers  sums wrap at 32 bits; int8_output.h says what becomes of them.
/// Threads  as in contraction.h. The same bits on every instruction-set level.
/// Errors   none: shapes are the caller's to check.
#pragma once

#include <span>
#include <vector>

#include "kernels/contraction/conv.h"
#include "kernels/int8_output.h"

namespace dunlin {

/// Weight (o, c, tap) = w[o * out_stride + c * channel_stride + tap * tap_stride].
struct Int8Weights {
  const int8_t* w = nullptr;
  ptrdiff_t out_stride = 0, channel_stride = 0, tap_stride = 1;
};

/// Weights in panels, and their sums.
size_t int8_packed_bytes(Isa isa, const ConvShape& shape);
void int8_pack(Isa isa, const ConvShape& shape, const Int8Weights& weights, std::byte* packed);

/// What else is the same in every run: made once for an x, a bias and a scale.
struct Int8Columns {
  std::vector<int32_t> bias;
  std::vector<float> scale;
  std::vector<uint8_t> padding;
};
/// `bias` and `scale` hold a number for each output channel; empty ones stand for 0 and 1.
Int8Columns int8_columns(Isa isa, const ConvShape& shape, const std::byte* packed, uint8_t x_zero,
                         std::span<const int32_t> bias, std::span<const float> scale);

/// y = x + 128 for signed x, as its unsigned bytes.
void flip_signs(ThreadPool& pool, const int8_t* x, uint8_t* y, size_t n);

void int8_conv(Isa isa, ThreadPool& pool, const ConvShape& shape, const uint8_t* x, const std::byte* packed,
               const Int8Columns& columns, const Int8Output& output, std::byte* y);

}  // namespace dunlin
