// The sliding windows of convolutions and pools: attributes, automatic padding, output sizes.
#pragma once

#include <array>

#include "graph/op.h"

namespace dunlin::ops {

/// One entry a spatial axis.
struct Window {
  std::vector<int64_t> kernel, stride, dilation, pad_begin, pad_end;
  std::vector<int64_t> out;  ///< output sizes; kUnknownDim where the input's is unknown
};

/// Reads strides, dilations, pads, auto_pad and ceil_mode. `input` is [N, C, spatial...], `kernel` the
/// window's sizes. Throws when an attribute's length or a size does not fit.
Window read_window(const NodeView& a, const Shape& input, std::vector<int64_t> kernel);

/// A convolution with its spatial axes filled up to three: x[N, groups*C, in], w[groups*M, C, kernel],
/// y[N, groups*M, out].
struct ConvGeometry {
  int64_t n = 0, groups = 1, c = 0, m = 0;
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1},
      pad{0, 0, 0};
};

/// From the node's attributes and concrete shapes. Throws when channels, groups and weights disagree.
ConvGeometry conv_geometry(const NodeView& a, const Shape& x, const Shape& w);
ConvGeometry conv_geometry(const NodeView& a, const Window& window, const Shape& x, const Shape& w);

/// Y of a convolution over inputs x, w and bias (which may be absent); unknown dimensions stay unknown. Throws
/// when sizes disagree.
Shape conv_shape(const InferArgs& a, int x, int w, int bias);

/// Strides of [N, C, up to three spatial axes] with missing axes 0.
std::array<int64_t, 5> conv_strides(const Strides& strides);

/// For every output element: begin(y), tap(x, w) for every input it reads, end(y, channel); all offsets in
/// elements of tensors with the given strides.
template <typename Begin, typename Tap, typename End>
void for_each_conv_output(const ConvGeometry& g, const Strides& x_strides, const Strides& w_strides,
                          const Strides& y_strides, Begin begin, Tap tap, End end) {
  if (g.groups * g.m == 0) return;  // the batch may be as large as a file likes
  const auto xs = conv_strides(x_strides), ws = conv_strides(w_strides), ys = conv_strides(y_strides);
  for (int64_t n = 0; n < g.n; ++n)
    for (int64_t gm = 0; gm < g.groups * g.m; ++gm) {
      const int64_t x_base = n * xs[0] + gm / g.m * g.c * xs[1];
      const int64_t w_base = gm * ws[0];
      for (int64_t o0 = 0; o0 < g.out[0]; ++o0)
        for (int64_t o1 = 0; o1 < g.out[1]; ++o1)
          for (int64_t o2 = 0; o2 < g.out[2]; ++o2) {
            const int64_t y = n * ys[0] + gm * ys[1] + o0 * ys[2] + o1 * ys[3] + o2 * ys[4];
            begin(y);
            for (int64_t k0 = 0; k0 < g.kernel[0]; ++k0) {
              const int64_t i0 = o0 * g.stride[0] + k0 * g.dilation[0] - g.pad[0];
              if (i0 < 0 || i0 >= g.in[0]) continue;
              for (int64_t k1 = 0; k1 < g.kernel[1]; ++k1) {
                const int64_t i1 = o1 * g.stride[1] + k1 * g.dilation[1] - g.pad[1];
                if (i1 < 0 || i1 >= g.in[1]) continue;
                for (int64_t k2 = 0; k2 < g.kernel[2]; ++k2) {
                  const int64_t i2 = o2 * g.stride[2] + k2 * g.dilation[2] - g.pad[2];
                  if (i2 < 0 || i2 >= g.in[2]) continue;
                  const int64_t x = x_base + i0 * xs[2] + i1 * xs[3] + i2 * xs[4];
                  const int64_t w = w_base + k0 * ws[2] + k1 * ws[3] + k2 * ws[4];
                  for (int64_t c = 0; c < g.c; ++c) tap(x + c * xs[1], w + c * ws[1]);
                }
              }
            }
            end(y, gm);
          }
    }
}

/// A pool: windows over each channel by itself (groups = C, c = m = 1). The window is attribute kernel_shape.
ConvGeometry pool_geometry(const NodeView& a, const Shape& x);
/// Y of a pool; unknown dimensions stay unknown.
Shape pool_shape(const NodeView& a, const Shape& x);

/// For every output element of a pool: begin(), tap(x offset, {i0, i1, i2}) for every input inside its
/// window, end(y offset, channel = n * C + c, {o0, o1, o2}).
template <typename Begin, typename Tap, typename End>
void for_each_pool_output(const ConvGeometry& g, const Strides& x_strides, const Strides& y_strides,
                          Begin begin, Tap tap, End end) {
  using Index = std::array<int64_t, 3>;
  const auto xs = conv_strides(x_strides), ys = conv_strides(y_strides);
  for (int64_t n = 0; n < g.n; ++n)
    for (int64_t c = 0; c < g.groups; ++c)
      for (int64_t o0 = 0; o0 < g.out[0]; ++o0)
        for (int64_t o1 = 0; o1 < g.out[1]; ++o1)
          for (int64_t o2 = 0; o2 < g.out[2]; ++o2) {
            begin();
            for (int64_t k0 = 0; k0 < g.kernel[0]; ++k0) {
              const int64_t i0 = o0 * g.stride[0] + k0 * g.dilation[0] - g.pad[0];
              if (i0 < 0 || i0 >= g.in[0]) continue;
              for (int64_t k1 = 0; k1 < g.kernel[1]; ++k1) {
                const int64_t i1 = o1 * g.stride[1] + k1 * g.dilation[1] - g.pad[1];
                if (i1 < 0 || i1 >= g.in[1]) continue;
                for (int64_t k2 = 0; k2 < g.kernel[2]; ++k2) {
                  const int64_t i2 = o2 * g.stride[2] + k2 * g.dilation[2] - g.pad[2];
                  if (i2 < 0 || i2 >= g.in[2]) continue;
                  tap(n * xs[0] + c * xs[1] + i0 * xs[2] + i1 * xs[3] + i2 * xs[4], Index{i0, i1, i2});
                }
              }
            }
            end(n * ys[0] + c * ys[1] + o0 * ys[2] + o1 * ys[3] + o2 * ys[4], n * g.groups + c,
                Index{o0, o1, o2});
          }
}

}  // namespace dunlin::ops
