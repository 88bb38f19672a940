#include "kernels/contraction/tiles.h"

#include <algorithm>
#include <limits>

#include "kernels/contraction/part.h"

namespace dunlin::contraction {

namespace {

// Multiply-adds below which waking a thread costs more than it saves.
constexpr double kMinWorkPerThread = 500e3;

// Rough cycles of one tile: arithmetic, loads and latency of the loop, then what a tile costs beside it.
double tile_cost(const TileShapes& table, double rows, double panels, double steps) {
  const double vectors = panels * table.width / table.lanes;
  const double loop = std::max({rows * vectors / 2, (rows + vectors) / 2 * 1.1, vectors * 2, 4.0});
  return steps * loop + 2 * rows * vectors + 20;
}

struct F32Tiles : F32 {
  using Product = contraction::Product;
  using Bias = float;
  using Sum = float;
  using Tile = TileArgs;
  static constexpr int64_t kGroup = 1;
  static constexpr bool kSumsInC = true;

  static bool has_late_bias(const Product& p) { return p.finish.bias && p.finish.alpha != 1; }
  static const float* tile_bias(const Product& p) { return p.finish.alpha == 1 ? p.finish.bias : nullptr; }

  static Tile begin_block(const Product& p, const BlockRows<F32Tiles>& rows) {
    const Activation& act = p.finish.activation;
    return {.c = rows.c,
            .addend = rows.first ? rows.residual : rows.sums,
            .alpha = p.finish.alpha,
            .beta = rows.first ? p.finish.beta : 1.f,
            .clip = rows.last && act.kind == ActivationKind::kClip && !has_late_bias(p),
            .lo = act.a,
            .hi = act.b};
  }

  static void run_tile(const Product& p, const Tile& t, int64_t panels, int rows) {
    (p.a_transposed ? p.table->columns : p.table->rows)[panels][rows](t);
  }

  static void finish_rows(const Product& p, float* const* c, int count, int64_t begin, int64_t end) {
    const bool late_bias = has_late_bias(p);
    const ActivationKind kind = p.finish.activation.kind;
    if (!late_bias && (kind == ActivationKind::kNone || kind == ActivationKind::kClip)) return;
    for (int i = 0; i < count; ++i) {
      if (late_bias) {
        for (int64_t j = begin; j < end; ++j) c[i][j] += p.finish.bias[j];
      }
      p.table->activate(p.finish.activation, c[i] + begin, end - begin);
    }
  }
};

}  // namespace

// Shares the tiles out over tasks: by columns where B is larger than A (each thread then reads only its part
// of B), else by rows.
Grid make_grid(const TileShapes& table, const GridShape& s, int threads) {
  // No more rows that share a set of the L1 cache than it has ways to spare.
  Grid g{choose_tiles(table, s.m, ceil_div(s.n, table.width), s.steps, s.rows_conflict ? 9 : kMaxTileRows), 1,
         1, false};
  const int64_t column_block = std::max<int64_t>(s.max_column_block, 64);
  g.column_parts = std::min(g.tiles.column_tiles, ceil_div(s.n, column_block));
  if (s.max_tile_sums > 0) {
    const int64_t panels = ceil_div(ceil_div(s.n, table.width), g.tiles.column_tiles);
    const int64_t tile_sums = ceil_div(s.m, g.tiles.row_tiles) * panels * table.width;
    const int64_t most = std::max<int64_t>(1, s.max_tile_sums / tile_sums);
    g.column_parts = std::max(g.column_parts, ceil_div(g.tiles.column_tiles, most));
  }
  const double work = static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.reduction);
  g.pays_threads = work >= 2 * kMinWorkPerThread;
  const int64_t wanted = std::min<int64_t>(threads, static_cast<int64_t>(work / kMinWorkPerThread));
  if (wanted <= 1) return g;
  if (s.n > s.m && g.tiles.column_tiles >= wanted) {
    const int64_t parts = ceil_div(g.column_parts, wanted) * wanted;
    g.column_parts = std::min(parts, g.tiles.column_tiles);
  } else {
    // Several parts a thread even out cores that are busy with something else.
    g.row_parts = std::min(g.tiles.row_tiles, wanted * 4);
  }
  if (g.row_parts * g.column_parts < wanted) g.row_parts = std::min(g.tiles.row_tiles, wanted);
  return g;
}

TileChoice choose_tiles(const TileShapes& table, int64_t m, int64_t panels, int64_t steps, int64_t max_rows) {
  TileChoice best{1, 1};
  double best_cost = std::numeric_limits<double>::infinity();
  for (int wide = 1; wide <= table.max_panels; ++wide) {
    const int64_t column_tiles = ceil_div(panels, wide);
    const int64_t widest = ceil_div(panels, column_tiles);  // may be fewer than `wide`
    const int64_t row_tiles = ceil_div(m, std::min<int64_t>(max_rows, table.max_rows[widest]));
    const double rows = static_cast<double>(m) / static_cast<double>(row_tiles);
    // Narrower tiles among the column tiles cost what they are wide.
    const int64_t wide_tiles = panels - (widest - 1) * column_tiles;
    const double cost =
        static_cast<double>(row_tiles) *
        (static_cast<double>(wide_tiles) * tile_cost(table, rows, double(widest), double(steps)) +
         static_cast<double>(column_tiles - wide_tiles) *
             tile_cost(table, rows, double(widest - 1), double(steps)));
    if (cost < best_cost) {
      best_cost = cost;
      best = {row_tiles, column_tiles};
    }
  }
  return best;
}

Blocks::Blocks(int64_t taps, int64_t k, int64_t most, int64_t least, int64_t group) {
  taps = std::max<int64_t>(taps, 1);  // no tap at all: one empty block
  if (k > most) {
    taps_per_block = 1;
    k_per_block = ceil_div(ceil_div(k, ceil_div(k, most)), group) * group;
  } else {
    const int64_t fit = std::max<int64_t>(1, most / std::max<int64_t>(k, least));
    taps_per_block = ceil_div(taps, ceil_div(taps, fit));
    k_per_block = k;
  }
  taps_per_block = std::max<int64_t>(taps_per_block, 1);
  k_per_block = std::max<int64_t>(k_per_block, 1);
}

void run(ThreadPool* pool, const Product& p) { run_parts<F32Tiles>(pool, p); }

}  // namespace dunlin::contraction
