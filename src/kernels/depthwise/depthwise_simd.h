#pragma once

#include <cstddef>
#include <cstdint>

#include "dunlin/half.h"
#include "kernels/epilogue.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

/// Kernels higher than this are refused by the caller.
inline constexpr size_t kDepthwiseMaxRowTaps = 64;

/// One kernel position that a destination row or column reads: which source row or column, which kernel
/// index.
struct DepthwiseTap {
  uint32_t source, k;
};

/// The taps of destination index i are taps[begin[i]] .. taps[begin[i + 1] - 1], padding left out.
struct DepthwiseAxis {
  const DepthwiseTap* taps;
  const uint32_t* begin;
};

/// destination[y, x, :] = sum over taps of source[ty, tx, :] * weight[ky, kx, :]. The forward pass and the
/// gradient by the input are both of this form. T is float or BFloat16.
template <typename T>
struct DepthwiseGather {
  const T* source;
  const float* weight;
  T* destination;
  size_t source_h, source_w, h, w, c, kernel_w;
  DepthwiseAxis rows, columns;
  /// Columns [interior_begin, interior_end) have all kernel_w taps; tap number j reads column x * stride +
  /// first + j with kernel index j, or kernel_w - 1 - j when flipped. stride 0: no such columns.
  size_t stride, interior_begin, interior_end;
  ptrdiff_t first;
  bool flipped;
  EpilogueOf<T> epilogue;
};

/// Adds to dweight [kernel_h, kernel_w, c] the gradient of some output rows; columns as in the forward
/// gather.
struct DepthwiseWeightGradient {
  const float* x;
  const float* dy;
  size_t h, w, c, out_h, out_w, kernel_w;
  DepthwiseAxis rows, columns;
  size_t stride, interior_begin, interior_end;
  ptrdiff_t first;
};

struct DepthwiseTable {
  /// Destination rows [begin, end), counted through all images.
  void (*gather)(const DepthwiseGather<float>& g, size_t begin, size_t end);
  void (*gather_bf16)(const DepthwiseGather<BFloat16>& g, size_t begin, size_t end);
  void (*weight_gradient)(const DepthwiseWeightGradient& g, size_t begin, size_t end, float* dweight);
};
DUNLIN_SIMD_TABLE_BF16(DepthwiseTable, depthwise_table)

}  // namespace dunlin
