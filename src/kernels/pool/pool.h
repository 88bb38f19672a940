// Max and average pooling, channels last: x [n, h, w, c], y [n, out_h, out_w, c]. The output's size is the
// caller's (floor or ceil mode): windows reach over the bottom and right edge as far as it says. An output
// never overlaps an input. The forward passes take float, or BFloat16, in which a mean is added up in float. Results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/half.h"

namespace dunlin {

struct PoolDims {
  size_t n = 1, h = 1, w = 1, c = 1;
  size_t kernel_h = 1, kernel_w = 1;
  size_t stride_h = 1, stride_w = 1;
  size_t dilation_h = 1, dilation_w = 1;
  size_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  size_t out_h = 1, out_w = 1;
  /// Average pooling divides by the cells of the window that lie in the padded image (ceil mode's overhang
  /// never counts); false: in the image.
  bool count_include_pad = false;
};

/// A NaN in a window gives NaN. With `argmax` (may be null): [n, out_h, out_w, c], the first largest value's
/// place in its image as h * w index, as the backward pass takes it.
template <typename T>
void max_pool_forward(ThreadPool& pool, Isa isa, const PoolDims& dims, const T* x, T* y, int32_t* argmax);
void max_pool_backward(ThreadPool& pool, Isa isa, const PoolDims& dims, const float* dy,
                       const int32_t* argmax, float* dx);

template <typename T>
void average_pool_forward(ThreadPool& pool, Isa isa, const PoolDims& dims, const T* x, T* y);
void average_pool_backward(ThreadPool& pool, Isa isa, const PoolDims& dims, const float* dy, float* dx);

/// y [n, c] is the mean over the pixels of x [n, hw, c]; dx = dy / hw everywhere.
template <typename T>
void global_average_pool_forward(ThreadPool& pool, Isa isa, size_t n, size_t hw, size_t c, const T* x, T* y);
void global_average_pool_backward(ThreadPool& pool, Isa isa, size_t n, size_t hw, size_t c, const float* dy,
                                  float* dx);

}  // namespace dunlin
