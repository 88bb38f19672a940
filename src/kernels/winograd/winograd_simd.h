// The transforms of Winograd convolution on vectors of channels, compiled once per instruction-set level.
#pragma once

#include <cstddef>

#include "kernels/simd/dispatch.h"

namespace dunlin::winograd {

/// F(4x4,3x3) interpolates at 0, a, -a, b, -b and infinity. With these all coefficients are exact floats.
inline constexpr double kA = 0.75, kB = 1.5;

/// Pixels of an input tile, and products, of F(4x4,3x3); pixels of its output tile.
inline constexpr int kMaxPositions = 36, kMaxOutputs = 16;

/// One tile of products, and where its outputs go.
struct OutputTile {
  const float* sums;  ///< position p begins at p * step
  ptrdiff_t step;
  size_t channels;
  const float* bias;             ///< or null
  float* const* y;               ///< one an output pixel; null: outside of the image
  const float* const* residual;  ///< likewise, or null for none
  float lo, hi;                  ///< of the clip; infinite for none
};

struct Transforms {
  /// B^T d B: pixels[p] to v + p * step, both in row order, for the first `channels` of each.
  void (*input)(const float* const* pixels, size_t channels, float* v, ptrdiff_t step);
  /// A^T m A and the epilogue.
  void (*output)(const OutputTile& tile);
};

struct Table {
  Transforms f2x2, f4x4;
};

}  // namespace dunlin::winograd

namespace dunlin {
using WinogradTable = winograd::Table;
DUNLIN_SIMD_TABLE(WinogradTable, winograd_table)
}  // namespace dunlin
