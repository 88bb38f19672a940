#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/pool/pool.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

/// The pixels of one window that lie inside the image, and what an average divides by.
struct PoolWindow {
  size_t y_begin, y_end, x_begin, x_end;  ///< in steps of the dilation
  float inverse_count;
};

/// The forward passes; T is float or BFloat16.
template <typename T>
struct PoolForward {
  void (*max_window)(const PoolDims& d, const PoolWindow& window, const T* image, T* y, int32_t* argmax);
  void (*average_window)(const PoolDims& d, const PoolWindow& window, const T* image, T* y);
  /// y[c] = sum of hw pixels of c channels, times scale
  void (*sum_pixels)(size_t hw, size_t c, const T* x, float scale, T* y);
};

struct PoolTable {
  PoolForward<float> forward;
  PoolForward<BFloat16> forward_bf16;
  /// image's window += dy * inverse_count
  void (*average_window_backward)(const PoolDims& d, const PoolWindow& window, const float* dy, float* image);
  /// every one of the hw pixels = dy * scale
  void (*spread_pixels)(size_t hw, size_t c, const float* dy, float scale, float* dx);
};
DUNLIN_SIMD_TABLE_BF16(PoolTable, pool_table)

}  // namespace dunlin
