// Depthwise convolution of 8-bit integers, channels last, to bytes: what contraction/int8.h says of numbers and
// zero points holds here.
//   x [n, h, w, c] of u8, weight [c, kernel_h, kernel_w] of s8 as ONNX has it, y [n, out_h, out_w, c]
// Results do not depend on the number of threads or the instruction-set level.
#pragma once

#include <span>
#include <vector>

#include "kernels/depthwise/depthwise.h"
#include "kernels/int8_output.h"

namespace dunlin {

/// Whether the kernel takes it: a multiplier of 1, and not too many kernel rows.
bool can_run_int8_depthwise(const DepthwiseDims& dims);

size_t int8_depthwise_packed_bytes(Isa isa, const DepthwiseDims& dims);
void int8_depthwise_pack(Isa isa, const DepthwiseDims& dims, const int8_t* weight, std::byte* packed);

/// What else is the same in every run.
struct Int8DepthwiseChannels {
  std::vector<int32_t> bias;
  std::vector<float> scale;
  std::vector<uint8_t> padding;  ///< a pixel
};
/// `bias` and `scale` hold a number for each channel.
Int8DepthwiseChannels int8_depthwise_channels(Isa isa, const DepthwiseDims& dims, const int8_t* weight,
                                              uint8_t x_zero, std::span<const int32_t> bias,
                                              std::span<const float> scale);

/// `output` is of kind kByte.
void int8_depthwise(Isa isa, ThreadPool& pool, const DepthwiseDims& dims, const uint8_t* x,
                    const std::byte* packed, const Int8DepthwiseChannels& channels, const Int8Output& output,
                    uint8_t* y);

}  // namespace dunlin
