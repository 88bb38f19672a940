// The rows of A in an implicit convolution: where each output pixel's window lies in the input.
// Internal to contraction/.
#pragma once

#include <cstdint>

#include "kernels/contraction/conv.h"
#include "kernels/contraction/tiles.h"

namespace dunlin::contraction {

/// Copies `count` runs of `run` elements each.
template <typename A>
using CopyRuns = void (*)(const A* from, ptrdiff_t from_stride, A* to, ptrdiff_t to_stride, int64_t count,
                          int64_t run);

/// Output pixel o reads, for tap t of a dimension, input coordinate o * stride + first + t * step; outside of
/// [0, in) there is padding. Taps count from the last dimension on.
template <typename A>
struct Window {
  const A* x = nullptr;  ///< first channel that is read
  ptrdiff_t pixel = 0;   ///< elements from one input pixel to the next
  Dims3 out, in, stride, first, step, taps;
  int64_t channels = 0;
  const A* zeros = kZeros<A>;  ///< what padding reads: as long as the longest row
  /// One "tap" stands for a whole run of taps along the last dimension, whose channels are contiguous. Runs
  /// that cross the border are copied.
  bool runs = false;

  /// Makes a run of the last dimension where that is possible.
  void merge();
  int64_t num_taps() const { return taps[0] * taps[1] * (runs ? 1 : taps[2]); }
  int64_t k() const { return channels * (runs ? taps[2] : 1); }
  int64_t out_pixels_per_image() const { return out[0] * out[1] * out[2]; }
  /// Fills the pointers of a block, as Product::rows.
  void rows(const RowBlockOf<A>& block, const A** pointers) const;

  /// With few channels, copying whole windows is cheaper than finding their parts: pays, and is possible.
  bool gathers() const { return runs && channels < 16 && window_elements() <= kMaxBlockOf<A>; }
  int64_t window_elements() const { return taps[0] * taps[1] * taps[2] * channels; }
  /// Copies the windows of output pixels [row, row + count) to [count, window_elements]. Needs `runs`.
  void gather(CopyRuns<A> copy_runs, int64_t row, int64_t count, A* to) const;

 private:
  const A* at_border(const A* image, int64_t line, int64_t w, const RowBlockOf<A>& block, A*& copy) const;
};

/// Walks output pixels in order without a division each.
struct PixelWalk {
  int64_t image, d, h, w;
  PixelWalk(const Dims3& out, int64_t row)
      : image(row / (out[0] * out[1] * out[2])),
        d(row / (out[1] * out[2]) % out[0]),
        h(row / out[2] % out[1]),
        w(row % out[2]) {}
  void next(const Dims3& out) {
    if (++w < out[2]) return;
    w = 0;
    if (++h < out[1]) return;
    h = 0;
    if (++d < out[0]) return;
    d = 0;
    ++image;
  }
};

}  // namespace dunlin::contraction
