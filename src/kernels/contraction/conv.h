/// Convolution as an implicit matrix product: forward, backward data, backward weights, fp32, in 1 to 3
/// spatial dimensions, with groups, strides and dilations. (Depthwise convolution has its own, faster
/// kernels.)
///
/// Layout   activations channels-last: x: [N, D, H, W, C], y: [N, OD, OH, OW, O]; weights as ONNX has them,
///          w: [O, C/groups, KD, KH, KW]. Fewer dimensions: leave the leading ones at their defaults.
/// Aliasing epilogue.residual may be y; nothing else may overlap an output.
/// Threads  as in contraction.h: bit-identical results for any number of threads.
/// Errors   none: shapes are the caller's to check. `out` must be what the other fields give.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"

namespace dunlin {

using Dims3 = std::array<int64_t, 3>;  // depth, height, width

struct ConvShape {
  int64_t batch = 1, in_channels = 0, out_channels = 0, groups = 1;
  Dims3 in = {1, 1, 1}, out = {1, 1, 1}, kernel = {1, 1, 1};
  Dims3 stride = {1, 1, 1}, dilation = {1, 1, 1};
  Dims3 pad = {0, 0, 0};  ///< before the first element; what is missing after the last one follows from `out`

  int64_t in_pixels() const { return batch * in[0] * in[1] * in[2]; }
  int64_t out_pixels() const { return batch * out[0] * out[1] * out[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

/// Floats of packed weights, and packing them for the forward pass.
size_t conv_packed_floats(Isa isa, const ConvShape& shape);
void conv_pack(Isa isa, ThreadPool& pool, const ConvShape& shape, const float* w, float* packed);

/// y = activation(conv(x, w) + bias + residual); one residual row a pixel, residual_stride apart.
void conv_forward(Isa isa, ThreadPool& pool, const ConvShape& shape, const float* x, const float* packed,
                  float* y, const Epilogue& epilogue = {});

/// Weights packed for the backward data pass (transposed; a stride of s splits them into s phases a
/// dimension).
size_t conv_packed_backward_floats(Isa isa, const ConvShape& shape);
void conv_pack_backward(Isa isa, ThreadPool& pool, const ConvShape& shape, const float* w, float* packed);

/// dx = gradient of conv with respect to x, from dy: [N, OD, OH, OW, O]. Also ConvTranspose's forward pass
/// (with a bias of in_channels). With epilogue.residual the gradient is added to it: one row a pixel of x.
void conv_backward_data(Isa isa, ThreadPool& pool, const ConvShape& shape, const float* dy,
                        const float* packed, float* dx, const Epilogue& epilogue = {});

/// Floats of scratch that conv_backward_weights needs on a pool of `num_threads`.
size_t conv_backward_weights_scratch_floats(Isa isa, const ConvShape& shape, int num_threads);

/// dw: [O, C/groups, KD, KH, KW] = gradient of conv with respect to w; with `accumulate` it is added to dw.
void conv_backward_weights(Isa isa, ThreadPool& pool, const ConvShape& shape, const float* x, const float* dy,
                           float* dw, bool accumulate, float* scratch);

}  // namespace dunlin
