// The innermost loops of the contraction family, compiled once per instruction-set level.
//
// One tile is C[rows, panels * width]: every accumulator stays in a register while the reduction runs. B lies
// in panels of `width` columns, each panel [reduction, width], so that one packing serves every tile size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/contraction/tile_shapes.h"
#include "kernels/epilogue.h"
#include "kernels/simd/dispatch.h"

namespace dunlin::contraction {

/// Row tiles that fetch ahead (see TileArgs): at most so many rows, so many floats at a step of the reduction.
inline constexpr int kFetchingRows = 9, kFetchedFloats = 32;

/// One tile: (bias + the sum over taps t and k of A(i, t, k) * B(t, k, j)) * alpha + beta * addend, then the
/// clip. Addend may be the output itself.
struct TileArgs {
  /// Row tiles: A(i, t, k) = a[t * rows + i][k]. Column tiles (A transposed; one tap): A(i, k) =
  /// a[k][a_column + i].
  const float* const* a = nullptr;
  ptrdiff_t a_column = 0;
  int64_t taps = 1, k = 0;
  const float* b = nullptr;              ///< first panel, at the first row of the reduction
  ptrdiff_t panel_stride = 0;            ///< floats from one panel to the next
  float* const* c = nullptr;             ///< one pointer a row
  const float* const* addend = nullptr;  ///< one pointer a row, or null
  ptrdiff_t column = 0;                  ///< added to the pointers of `c` and `addend`
  int64_t num_columns = 0;               ///< of the tile; fewer than panels * width at the right edge
  const float* bias = nullptr;           ///< readable for panels * width floats, or null
  float alpha = 1, beta = 1;
  bool clip = false;
  float lo = 0, hi = 0;
  /// What row tiles fetch into the cache meanwhile, such as the B of the next tile; the memory need not be readable.
  const float* ahead = nullptr;
};
using TileFunction = void (*)(const TileArgs&);

struct Table : TileShapes {
  TileFunction rows[kMaxTilePanels + 1][kMaxTileRows + 1];     ///< A is rows; by panels and rows
  TileFunction columns[kMaxTilePanels + 1][kMaxTileRows + 1];  ///< A is transposed
  /// An activation over one row.
  void (*activate)(const Activation& activation, float* row, int64_t n);
  /// Copies `count` runs of `run` floats each.
  void (*copy_runs)(const float* from, ptrdiff_t from_stride, float* to, ptrdiff_t to_stride, int64_t count,
                    int64_t run);
};

}  // namespace dunlin::contraction

namespace dunlin {
using ContractionTable = contraction::Table;
DUNLIN_SIMD_TABLE(ContractionTable, contraction_table)
}  // namespace dunlin
