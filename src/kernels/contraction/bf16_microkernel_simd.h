// The innermost loops of the contraction family for A and B in bf16, compiled once per instruction-set level.
//
// As in microkernel_simd.h, but panels hold pairs: panel [reduction / 2, width, 2], where a tap's odd last k has a
// zero beside it. Sums are floats; what comes out is float or bf16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dunlin/half.h"
#include "kernels/contraction/tile_shapes.h"
#include "kernels/epilogue.h"
#include "kernels/simd/dispatch.h"

namespace dunlin::contraction {

/// One tile: activation(bias + the sum over taps t and k of A(i, t, k) * B(t, k, j) + addend).
/// Of each pair of pointers one is set; of the addends perhaps none.
struct Bf16TileArgs {
  const BFloat16* const* a = nullptr;  ///< A(i, t, k) = a[t * rows + i][k]
  int64_t taps = 1, k = 0;
  const BFloat16* b = nullptr;     ///< first panel, at the first pair of the reduction
  ptrdiff_t panel_stride = 0;      ///< elements from one panel to the next
  float* const* wide_c = nullptr;  ///< one pointer a row, as all these
  BFloat16* const* c = nullptr;
  const float* const* wide_addend = nullptr;
  const BFloat16* const* addend = nullptr;
  ptrdiff_t column = 0;         ///< added to the pointers of c and addends
  int64_t num_columns = 0;      ///< of the tile; fewer than panels * width at the right edge
  const float* bias = nullptr;  ///< readable for panels * width floats, or null
  Activation activation;
};
using Bf16TileFunction = void (*)(const Bf16TileArgs&);

struct Bf16Table : TileShapes {
  Bf16TileFunction rows[kMaxTilePanels + 1][kMaxTileRows + 1];  ///< by panels and rows
};

}  // namespace dunlin::contraction

namespace dunlin {
using Bf16ContractionTable = contraction::Bf16Table;
DUNLIN_SIMD_TABLE_BF16(Bf16ContractionTable, bf16_contraction_table)
}  // namespace dunlin
