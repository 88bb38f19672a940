// The forward pass of a convolution as products, one a group, for any member of the family. Internal to
// contraction/.
#pragma once

#include "kernels/contraction/conv.h"
#include "kernels/contraction/window.h"

namespace dunlin::contraction {

/// The windows of the first group, as its product reads them.
template <typename A>
Window<A> forward_window(const ConvShape& s, const A* x) {
  Window<A> window{.x = x,
                   .pixel = s.in_channels,
                   .out = s.out,
                   .in = s.in,
                   .stride = s.stride,
                   .first = {-s.pad[0], -s.pad[1], -s.pad[2]},
                   .step = s.dilation,
                   .taps = s.kernel,
                   .channels = s.in_channels / s.groups};
  window.merge();
  return window;
}

/// Calls run(product) for every group, whose packed weights lie `group_size` elements apart.
template <typename Member, typename Run>
void forward(const typename Member::Table& table, const ConvShape& s, const typename Member::A* x,
             const typename Member::B* packed, size_t group_size, typename Member::C* y,
             const EpilogueOf<typename Member::C>& e, const Run& run) {
  using A = typename Member::A;
  using C = typename Member::C;
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  Window<A> window = forward_window(s, x);
  // A 1x1 kernel that visits every pixel once is a plain matrix product.
  const bool pointwise =
      s.taps() == 1 && s.in == s.out && s.stride == Dims3{1, 1, 1} && s.pad == Dims3{0, 0, 0};
  for (int64_t group = 0; group < s.groups; ++group) {
    window.x = x + group * channels;
    const auto rows = [&](const RowBlockOf<A>& block, const A** pointers) {
      if (!pointwise) return window.rows(block, pointers);
      for (int i = 0; i < block.count; ++i) pointers[i] = window.x + (block.row + i) * window.pixel + block.k;
    };
    const auto output_rows = [&](int64_t row, int count, C** c, const C** residual) {
      for (int i = 0; i < count; ++i) {
        c[i] = y + (row + i) * s.out_channels + group * outputs;
        if (e.residual) residual[i] = e.residual + (row + i) * e.residual_stride + group * outputs;
      }
    };
    run({.table = &table,
         .m = s.out_pixels(),
         .n = outputs,
         .taps = window.num_taps(),
         .k = window.k(),
         .row_stride = window.pixel * s.stride[2],
         .packed_b = packed + static_cast<size_t>(group) * group_size,
         .rows = rows,
         .outputs = output_rows,
         .has_residual = e.residual != nullptr,
         .finish = {.bias = e.bias ? e.bias + group * outputs : nullptr, .activation = e.activation}});
  }
}

}  // namespace dunlin::contraction
