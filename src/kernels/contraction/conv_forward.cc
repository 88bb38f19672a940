#include "kernels/contraction/contraction.h"
#include "kernels/contraction/conv.h"
#include "kernels/contraction/forward.h"
#include "kernels/contraction/tiles.h"

namespace dunlin {

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
  const size_t group_floats =
      packed_b_floats(isa, s.taps() * s.in_channels / s.groups, s.out_channels / s.groups);
  contraction::forward<contraction::F32>(contraction_table_of(isa), s, x, packed, group_floats, y, e,
                                         [&](const contraction::Product& p) { contraction::run(&pool, p); });
}

}  // namespace dunlin
