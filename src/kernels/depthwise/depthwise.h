// Depthwise convolution, channels last: every channel is filtered by itself.
//   x [n, h, w, c], weight [kernel_h, kernel_w, c * multiplier], y and dy [n, out_h, out_w, c * multiplier]
// Output channel o reads input channel o / multiplier. ONNX has its weight as [c * multiplier, 1, kernel_h,
// kernel_w]: depthwise_pack_weight() and depthwise_unpack_weight() convert. An output never overlaps an
// input. Results do not depend on the number of threads. A multiplier above 1 takes plain scalar code.
#pragma once

#include <cstddef>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/half.h"
#include "kernels/epilogue.h"

namespace dunlin {

struct DepthwiseDims {
  size_t n = 1, h = 1, w = 1, c = 1;
  size_t multiplier = 1;
  size_t kernel_h = 1, kernel_w = 1;
  size_t stride_h = 1, stride_w = 1;
  size_t dilation_h = 1, dilation_w = 1;
  size_t pad_top = 0, pad_left = 0;  ///< at the other ends the output's size says enough
  size_t out_h = 1, out_w = 1;
};

/// weight[c, kh * kw] -> packed[kh * kw, c], where c is the number of output channels, and back.
void depthwise_pack_weight(const DepthwiseDims& dims, const float* weight, float* packed);
void depthwise_unpack_weight(const DepthwiseDims& dims, const float* packed, float* weight);

/// T is float, or BFloat16, which is computed with in float and takes a multiplier of 1 only.
template <typename T>
void depthwise_forward(ThreadPool& pool, Isa isa, const DepthwiseDims& dims, const T* x, const float* weight,
                       const EpilogueOf<T>& epilogue, T* y);

/// dx from dy.
void depthwise_backward_data(ThreadPool& pool, Isa isa, const DepthwiseDims& dims, const float* dy,
                             const float* weight, float* dx);

/// dweight (packed) from x and dy; `scratch` holds depthwise_backward_weight_scratch(dims) floats.
size_t depthwise_backward_weight_scratch(const DepthwiseDims& dims);
void depthwise_backward_weight(ThreadPool& pool, Isa isa, const DepthwiseDims& dims, const float* x,
                               const float* dy, float* scratch, float* dweight);

}  // namespace dunlin
