// Every tile size that the registers hold, in a member's table.
#pragma once

#include <utility>

#include "kernels/contraction/tile_shapes.h"
#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {

template <typename Tiles, int kPanels, typename Table, size_t... kIndex>
constexpr void fill_rows(Table& table, std::index_sequence<kIndex...>) {
  (Tiles::template put<kIndex + 1, kPanels>(table), ...);
}

/// Tiles::kMaxRows: most rows of a tile by its panels; Tiles::put<kRows, kPanels>(table) puts one tile.
template <typename Tiles, int kPanels = 1, typename Table>
constexpr void fill_tiles(Table& table) {
  if constexpr (kPanels <= contraction::kMaxTilePanels) {
    constexpr int kRows = Tiles::kMaxRows[kPanels];
    table.max_rows[kPanels] = kRows;
    if (kRows > 0) table.max_panels = kPanels;
    fill_rows<Tiles, kPanels>(table, std::make_index_sequence<kRows>());
    fill_tiles<Tiles, kPanels + 1>(table);
  }
}

}  // namespace dunlin::HWY_NAMESPACE
