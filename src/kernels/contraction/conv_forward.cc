#include "kernels/contraction/contraction.h"
#include "kernels/contraction/conv.h"
#include "kernels/contraction/tiles.h"
#include "kernels/contraction/window.h"

namespace dunlin {

using contraction::Window;

size_t conv_packed_floats(Isa isa, const ConvShape& s) {
  return static_cast<size_t>(s.groups) *
         packed_b_floats(isa, s.taps() * s.in_channels / s.groups, s.out_channels / s.groups);
}

void conv_pack(Isa isa, ThreadPool& pool, const ConvShape& s, const float* w, float* packed) {
  const int width = contraction_table_of(isa).width;
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups, taps = s.taps();
  const int64_t panels = contraction::ceil_div(outputs, width);
  const size_t group_floats = packed_b_floats(isa, taps * channels, outputs);
  // Rows of B are (tap, channel), columns output channels.
  const auto pack = [&](size_t index, int) {
    const int64_t group = static_cast<int64_t>(index) / panels, panel = static_cast<int64_t>(index) % panels;
    const float* from = w + group * outputs * channels * taps;
    for (int64_t tap = 0; tap < taps; ++tap) {
      contraction::pack_panels(width, panel, panel + 1, taps * channels, tap * channels, channels, outputs,
                               from + tap, taps, channels * taps,
                               packed + static_cast<size_t>(group) * group_floats);
    }
  };
  const size_t count = static_cast<size_t>(s.groups * panels);
  if (s.out_channels * channels * taps >= 32 * 1024) {
    pool.parallel_for(count, pack);
  } else {
    for (size_t i = 0; i < count; ++i) pack(i, 0);
  }
}

void conv_forward(Isa isa, ThreadPool& pool, const ConvShape& s, const float* x, const float* packed,
                  float* y, const Epilogue& e) {
  const ContractionTable& table = contraction_table_of(isa);
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  const size_t group_floats = packed_b_floats(isa, s.taps() * channels, outputs);
  Window window{.x = x,
                .pixel = s.in_channels,
                .out = s.out,
                .in = s.in,
                .stride = s.stride,
                .first = {-s.pad[0], -s.pad[1], -s.pad[2]},
                .step = s.dilation,
                .taps = s.kernel,
                .channels = channels};
  window.merge();
  const bool gathers = window.gathers();
  // A 1x1 kernel that visits every pixel once is a plain matrix product.
  const bool pointwise =
      s.taps() == 1 && s.in == s.out && s.stride == Dims3{1, 1, 1} && s.pad == Dims3{0, 0, 0};
  for (int64_t group = 0; group < s.groups; ++group) {
    window.x = x + group * channels;
    const auto rows = [&](const contraction::RowBlock& block, const float** pointers) {
      if (gathers) {
        window.gather(table, block.row, block.count, block.buffer);
        for (int i = 0; i < block.count; ++i) pointers[i] = block.buffer + i * block.num_k;
        return;
      }
      if (!pointwise) return window.rows(block, pointers);
      for (int i = 0; i < block.count; ++i) pointers[i] = window.x + (block.row + i) * window.pixel + block.k;
    };
    const auto output_rows = [&](int64_t row, int count, float** c, const float** residual) {
      for (int i = 0; i < count; ++i) {
        c[i] = y + (row + i) * s.out_channels + group * outputs;
        if (e.residual) residual[i] = e.residual + (row + i) * e.residual_stride + group * outputs;
      }
    };
    contraction::run(&pool, {.table = &table,
                             .m = s.out_pixels(),
                             .n = outputs,
                             .taps = gathers ? 1 : window.num_taps(),
                             .k = gathers ? window.window_floats() : window.k(),
                             .row_stride = gathers ? 0 : window.pixel * s.stride[2],
                             .packed_b = packed + static_cast<size_t>(group) * group_floats,
                             .rows = rows,
                             .outputs = output_rows,
                             .has_residual = e.residual != nullptr,
                             .bias = e.bias ? e.bias + group * outputs : nullptr,
                             .activation = e.activation});
  }
}

}  // namespace dunlin
