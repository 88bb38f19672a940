// Depthwise convolution of bytes, compiled once per instruction-set level.
//
// Channels go in blocks of a vector of bytes. Four kernel rows make a group, which one dot product takes: bytes
// of four rows are interleaved, so that lane l of vector v = 0..3 holds channel 16 * (l / 4) + 4 * v + l % 4 of the
// block. Weights lie [block, group, kernel column, v, lane, row of the group], with zeros for rows that a group
// lacks; bias and scale [block, v, lane].
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/depthwise/depthwise.h"
#include "kernels/int8_output.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

inline constexpr size_t kInt8DepthwiseMaxGroups = 16;

struct Int8DepthwiseCall {
  const DepthwiseDims* dims;
  const uint8_t* x;
  const int8_t* weights;
  const int32_t* bias;
  const float* scale;
  const uint8_t* padding;  ///< a pixel of zero points
  Int8Output output;
  uint8_t* y;
};

struct Int8DepthwiseTable {
  size_t block;  ///< channels
  /// Output rows [begin, end), counted through all images.
  void (*rows)(const Int8DepthwiseCall& call, size_t begin, size_t end);
};
DUNLIN_SIMD_TABLE(Int8DepthwiseTable, int8_depthwise_table)

}  // namespace dunlin
