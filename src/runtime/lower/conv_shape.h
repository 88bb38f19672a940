// A convolution's geometry as the kernels take it.
#pragma once

#include <optional>

#include "graph/ops/window.h"
#include "kernels/contraction/conv.h"
#include "kernels/depthwise/depthwise.h"

namespace dunlin::lower {

/// none: padding that crops.
inline std::optional<ConvShape> conv_shape(const ops::ConvGeometry& g, int num_dims) {
  ConvShape s;
  s.batch = g.n;
  s.groups = g.groups;
  s.in_channels = g.groups * g.c;
  s.out_channels = g.groups * g.m;
  // The kernels count missing axes at the front, the geometry at the back.
  const size_t rank = static_cast<size_t>(num_dims), shift = 3 - rank;
  for (size_t d = 0; d < rank; ++d) {
    s.in[d + shift] = g.in[d];
    s.out[d + shift] = g.out[d];
    s.kernel[d + shift] = g.kernel[d];
    s.stride[d + shift] = g.stride[d];
    s.dilation[d + shift] = g.dilation[d];
    s.pad[d + shift] = g.pad[d];
    if (g.pad[d] < 0) return std::nullopt;
  }
  return s;
}

inline bool is_depthwise(const ConvShape& s) {
  return s.groups == s.in_channels && s.groups > 1 && s.in[0] == 1 && s.out[0] == 1 && s.kernel[0] == 1 &&
         s.pad[0] == 0;
}

inline DepthwiseDims depthwise_dims(const ConvShape& s) {
  const auto u = [](int64_t v) { return static_cast<size_t>(v); };
  DepthwiseDims d;
  d.n = u(s.batch), d.h = u(s.in[1]), d.w = u(s.in[2]), d.c = u(s.in_channels);
  d.multiplier = u(s.out_channels / s.in_channels);
  d.kernel_h = u(s.kernel[1]), d.kernel_w = u(s.kernel[2]);
  d.stride_h = u(s.stride[1]), d.stride_w = u(s.stride[2]);
  d.dilation_h = u(s.dilation[1]), d.dilation_w = u(s.dilation[2]);
  d.pad_top = u(s.pad[1]), d.pad_left = u(s.pad[2]);
  d.out_h = u(s.out[1]), d.out_w = u(s.out[2]);
  return d;
}

/// What packing depends on beside the weights' own shape, which belongs to the tensor.
inline std::string pack_kind(std::string_view name, const ConvShape& s) {
  return fmt::format("{} g{} s{},{},{} d{},{},{} p{},{},{}", name, s.groups, s.stride[0], s.stride[1],
                     s.stride[2], s.dilation[0], s.dilation[1], s.dilation[2], s.pad[0], s.pad[1], s.pad[2]);
}

}  // namespace dunlin::lower
