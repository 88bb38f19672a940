// Backward data: dx[i] = sum over taps k with o * stride + k * dilation - pad = i of w[k] * dy[o]. With a
// stride of s the input pixels fall into s phases a dimension; the pixels of one phase all read the same
// taps, so each phase is a convolution of stride 1 over dy with its own part of the transposed weights.
#include <algorithm>
#include <numeric>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/conv.h"
#include "kernels/contraction/tiles.h"
#include "kernels/contraction/window.h"

namespace dunlin {
namespace {

// One dimension of a phase.
struct Axis {
  int64_t pixels;    // of dx that belong to the phase
  int64_t taps;      // that reach them
  int64_t last_tap;  // taps are last_tap, last_tap - tap_step, ...: in this order dy is read upwards
  int64_t tap_step;
  int64_t first, step;  // pixel q of the phase reads dy at q + first + t * step
};

Axis make_axis(const ConvShape& s, int dim, int64_t phase) {
  const int64_t stride = s.stride[dim], dilation = s.dilation[dim];
  const int64_t common = std::gcd(stride, dilation);
  Axis a{.pixels = std::max<int64_t>(0, contraction::ceil_div(s.in[dim] - phase, stride)),
         .taps = 0,
         .last_tap = -1,
         .tap_step = stride / common,
         .first = 0,
         .step = dilation / common};
  for (int64_t k = 0; k < s.kernel[dim]; ++k) {
    const int64_t offset = phase + s.pad[dim] - k * dilation;
    if (offset % stride != 0) continue;
    ++a.taps;
    a.last_tap = k;
    a.first = offset / stride;
  }
  return a;
}

struct Phase {
  Dims3 index;
  Axis axes[3];
  int64_t taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }
};

template <typename Body>
void for_each_phase(const ConvShape& s, const Body& body) {
  for (int64_t d = 0; d < s.stride[0]; ++d) {
    for (int64_t h = 0; h < s.stride[1]; ++h) {
      for (int64_t w = 0; w < s.stride[2]; ++w) {
        body(Phase{{d, h, w}, {make_axis(s, 0, d), make_axis(s, 1, h), make_axis(s, 2, w)}});
      }
    }
  }
}

}  // namespace

size_t conv_packed_backward_floats(Isa isa, const ConvShape& s) {
  size_t floats = 0;
  for_each_phase(s, [&](const Phase& phase) {
    floats += static_cast<size_t>(s.groups) *
              packed_b_floats(isa, phase.taps() * s.out_channels / s.groups, s.in_channels / s.groups);
  });
  return floats;
}

void conv_pack_backward(Isa isa, ThreadPool& pool, const ConvShape& s, const float* w, float* packed) {
  const int width = contraction_table_of(isa).width;
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups, all_taps = s.taps();
  const int64_t panels = contraction::ceil_div(channels, width);
  // Rows of B are (tap, output channel), columns input channels.
  for_each_phase(s, [&](const Phase& phase) {
    const int64_t taps = phase.taps();
    const size_t group_floats = packed_b_floats(isa, taps * outputs, channels);
    const auto pack = [&](size_t index, int) {
      const int64_t group = static_cast<int64_t>(index) / panels,
                    panel = static_cast<int64_t>(index) % panels;
      const float* from = w + group * outputs * channels * all_taps;
      float* to = packed + static_cast<size_t>(group) * group_floats;
      int64_t t = 0;
      const Axis *d = &phase.axes[0], *h = &phase.axes[1], *v = &phase.axes[2];
      for (int64_t i = 0; i < d->taps; ++i) {
        for (int64_t j = 0; j < h->taps; ++j) {
          for (int64_t k = 0; k < v->taps; ++k, ++t) {
            const int64_t tap =
                ((d->last_tap - i * d->tap_step) * s.kernel[1] + h->last_tap - j * h->tap_step) *
                    s.kernel[2] +
                v->last_tap - k * v->tap_step;
            contraction::pack_panels(width, panel, panel + 1, taps * outputs, t * outputs, outputs, channels,
                                     from + tap, channels * all_taps, all_taps, to);
          }
        }
      }
    };
    const size_t count = static_cast<size_t>(s.groups * panels);
    if (outputs * s.in_channels * taps >= 32 * 1024) {
      pool.parallel_for(count, pack);
    } else {
      for (size_t i = 0; i < count; ++i) pack(i, 0);
    }
    packed += static_cast<size_t>(s.groups) * group_floats;
  });
}

void conv_backward_data(Isa isa, ThreadPool& pool, const ConvShape& s, const float* dy, const float* packed,
                        float* dx, const Epilogue& e) {
  const ContractionTable& table = contraction_table_of(isa);
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  for_each_phase(s, [&](const Phase& phase) {
    const Axis* axes = phase.axes;
    contraction::Window<float> window{.x = dy,
                                      .pixel = s.out_channels,
                                      .out = {axes[0].pixels, axes[1].pixels, axes[2].pixels},
                                      .in = s.out,
                                      .stride = {1, 1, 1},
                                      .first = {axes[0].first, axes[1].first, axes[2].first},
                                      .step = {axes[0].step, axes[1].step, axes[2].step},
                                      .taps = {axes[0].taps, axes[1].taps, axes[2].taps},
                                      .channels = outputs};
    window.merge();
    const bool pointwise =
        s.taps() == 1 && s.in == s.out && s.stride == Dims3{1, 1, 1} && s.pad == Dims3{0, 0, 0};
    for (int64_t group = 0; group < s.groups; ++group) {
      window.x = dy + group * outputs;
      const auto rows = [&](const contraction::RowBlock& block, const float** pointers) {
        if (!pointwise) return window.rows(block, pointers);
        for (int i = 0; i < block.count; ++i)
          pointers[i] = window.x + (block.row + i) * window.pixel + block.k;
      };
      const auto output_rows = [&](int64_t row, int count, float** c, const float** residual) {
        contraction::PixelWalk at(window.out, row);
        for (int i = 0; i < count; ++i, at.next(window.out)) {
          const int64_t d = at.d * s.stride[0] + phase.index[0], h = at.h * s.stride[1] + phase.index[1],
                        w = at.w * s.stride[2] + phase.index[2];
          const int64_t pixel = ((at.image * s.in[0] + d) * s.in[1] + h) * s.in[2] + w;
          c[i] = dx + pixel * s.in_channels + group * channels;
          if (e.residual) residual[i] = e.residual + pixel * e.residual_stride + group * channels;
        }
      };
      contraction::run(&pool, {.table = &table,
                               .m = s.batch * window.out_pixels_per_image(),
                               .n = channels,
                               .taps = window.num_taps(),
                               .k = window.k(),
                               .row_stride = window.pixel,
                               .packed_b = packed,
                               .rows = rows,
                               .outputs = output_rows,
                               .has_residual = e.residual != nullptr,
                               .finish = {.bias = e.bias ? e.bias + group * channels : nullptr,
                                          .activation = e.activation}});
      packed += packed_b_floats(isa, phase.taps() * outputs, channels);
    }
  });
}

}  // namespace dunlin
