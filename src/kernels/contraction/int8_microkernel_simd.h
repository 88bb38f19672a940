// The innermost loops of integer contraction: bytes times bytes, summed in 32 bits, compiled once per
// instruction-set level. Sums are exact, and what follows them has one order: the same bits on every level.
//
// B lies in panels of `width` columns, each panel [taps, groups of 4 k, width, 4]: what one dot-product
// instruction takes. A tap whose k is no multiple of 4 ends in zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/contraction/tile_shapes.h"
#include "kernels/int8_output.h"
#include "kernels/simd/dispatch.h"

namespace dunlin::contraction {

struct Int8TileArgs {
  const uint8_t* const* a = nullptr;  ///< A(i, t, k) = a[t * rows + i][k]
  ptrdiff_t a_column = 0;             ///< not used: A is never transposed
  int64_t taps = 1, k = 0;
  const int8_t* b = nullptr;      ///< first panel
  ptrdiff_t panel_stride = 0;     ///< bytes from one panel to the next
  std::byte* const* c = nullptr;  ///< one pointer a row, to elements of `output`
  int32_t* const* sums =
      nullptr;  ///< of the blocks of the reduction before, or after this one; see the flags
  bool begins_with_sums = false, ends_with_sums = false;
  ptrdiff_t column = 0;           ///< added to the pointers of `c` and `sums`, in elements
  int64_t num_columns = 0;        ///< of the tile; fewer than panels * width at the right edge
  const int32_t* bias = nullptr;  ///< what sums begin with; readable for panels * width numbers
  const float* scale = nullptr;   ///< of all columns of C, likewise
  Int8Output output = {};
};
using Int8TileFunction = void (*)(const Int8TileArgs&);

struct Int8Table : TileShapes {
  Int8TileFunction rows[kMaxTilePanels + 1][kMaxTileRows + 1];  ///< by panels and rows
  /// Copies `count` runs of `run` bytes each.
  void (*copy_runs)(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride,
                    int64_t count, int64_t run);
};

}  // namespace dunlin::contraction

namespace dunlin {
using Int8ContractionTable = contraction::Int8Table;
DUNLIN_SIMD_TABLE(Int8ContractionTable, int8_contraction_table)
}  // namespace dunlin
