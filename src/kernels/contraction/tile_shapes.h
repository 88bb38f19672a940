// What the blocking of tiles must know of a member of the contraction family at one instruction-set level.
#pragma once

namespace dunlin::contraction {

inline constexpr int kMaxTileRows = 24;
inline constexpr int kMaxTilePanels = 8;

struct TileShapes {
  int width;                         ///< columns of a panel
  int max_panels;                    ///< of a tile
  int max_rows[kMaxTilePanels + 1];  ///< of a tile, by its number of panels; [0] is not used
  int lanes;                         ///< sums in a vector: what one load or FMA handles
};

}  // namespace dunlin::contraction
