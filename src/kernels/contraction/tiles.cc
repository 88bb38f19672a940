#include "kernels/contraction/tiles.h"

#include <algorithm>
#include <limits>

namespace dunlin::contraction {

alignas(64) const float kZeros[kMaxBlock + 64] = {};

namespace {

// B's block of one reduction block and one column range should stay in the L2 cache.
constexpr int64_t kColumnBlockFloats = 160 * 1024;
// Rows that are finished before the next ones begin, so that partial sums stay in the L2 cache.
constexpr int64_t kRowBlock = 192;
// Multiply-adds below which waking a thread costs more than it saves.
constexpr double kMinWorkPerThread = 200e3;

// Rough cycles of one tile: arithmetic, loads and latency of the loop, then what a tile costs beside it.
double tile_cost(const Table& table, double rows, double panels, double reduction) {
  const double vectors = panels * table.width / table.lanes;
  const double loop = std::max({rows * vectors / 2, (rows + vectors) / 2 * 1.1, vectors * 2, 4.0});
  return reduction * loop + 2 * rows * vectors + 20;
}

struct Range {
  int64_t begin, end;
};

struct Grid {
  TileChoice tiles;
  int64_t row_parts, column_parts;
};

// Shares the tiles out over tasks: by columns where B is larger than A (each thread then reads only its part
// of B), else by rows.
Grid make_grid(const Product& p, int threads) {
  const int64_t reduction = p.taps * p.k;
  Grid g{choose_tiles(*p.table, p.m, ceil_div(p.n, p.table->width), reduction), 1, 1};
  const int64_t column_block =
      std::max<int64_t>(kColumnBlockFloats / std::clamp<int64_t>(reduction, 1, kMaxBlock), 64);
  g.column_parts = std::min(g.tiles.column_tiles, ceil_div(p.n, column_block));
  const double work = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(reduction);
  const int64_t wanted = std::min<int64_t>(threads, static_cast<int64_t>(work / kMinWorkPerThread));
  if (wanted <= 1) return g;
  if (p.n > p.m && g.tiles.column_tiles >= wanted) {
    const int64_t parts = ceil_div(g.column_parts, wanted) * wanted;
    g.column_parts = std::min(parts, g.tiles.column_tiles);
  } else {
    // Several parts a thread even out cores that are busy with something else.
    g.row_parts = std::min(g.tiles.row_tiles, wanted * 4);
  }
  if (g.row_parts * g.column_parts < wanted) g.row_parts = std::min(g.tiles.row_tiles, wanted);
  return g;
}

struct Scratch {
  const float* pointers[kMaxTileRows * kMaxBlock / 16];
  alignas(64) float buffer[kMaxTileRows * kMaxBlock];
};

// One block of the reduction over all tiles of the ranges.
void run_block(const Product& p, const TileChoice& tiles, Range row_tiles, Range column_tiles,
               const Blocks& blocks, int64_t tap, int64_t k, Scratch& scratch) {
  const Table& table = *p.table;
  const int64_t panels = ceil_div(p.n, table.width), reduction = p.taps * p.k;
  const bool first = tap == 0 && k == 0;
  RowBlock block{.row = 0,
                 .count = 0,
                 .tap = tap,
                 .num_taps = std::min(blocks.taps_per_block, p.taps - tap),
                 .k = k,
                 .num_k = std::min(blocks.k_per_block, p.k - k),
                 .buffer = scratch.buffer};
  const bool last = block.tap + block.num_taps == p.taps && block.k + block.num_k == p.k;
  const ActivationKind kind = p.activation.kind;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool clip = last && kind == ActivationKind::kClip;

  float* c[kMaxTileRows];
  const float* addend[kMaxTileRows];
  const bool has_addend = !first || p.has_residual;
  TileArgs args{.a = scratch.pointers,
                .taps = p.a_transposed ? 1 : block.num_taps,
                .k = block.num_k,
                .panel_stride = reduction * table.width,
                .c = c,
                .addend = has_addend ? addend : nullptr,
                .alpha = p.alpha,
                .beta = first ? p.beta : 1.f,
                .lo = clip ? p.activation.a : -kInfinity,
                .hi = clip ? p.activation.b : kInfinity};
  if (p.a_transposed) p.rows(block, scratch.pointers);
  for (int64_t i = row_tiles.begin; i < row_tiles.end; ++i) {
    block.row = part_begin(p.m, tiles.row_tiles, i);
    block.count = static_cast<int>(part_begin(p.m, tiles.row_tiles, i + 1) - block.row);
    if (!p.a_transposed) p.rows(block, scratch.pointers);
    args.a_column = block.row;
    p.outputs(block.row, block.count, c, addend);
    if (!first) std::copy(c, c + block.count, addend);
    for (int64_t j = column_tiles.begin; j < column_tiles.end; ++j) {
      const int64_t panel = part_begin(panels, tiles.column_tiles, j);
      const int64_t num_panels = part_begin(panels, tiles.column_tiles, j + 1) - panel;
      args.column = panel * table.width;
      args.num_columns = std::min(num_panels * table.width, p.n - args.column);
      args.b = p.packed_b + (panel * reduction + tap * p.k + k) * table.width;
      args.bias = last && p.bias ? p.bias + args.column : nullptr;
      (p.a_transposed ? table.columns : table.rows)[num_panels][block.count](args);
    }
    if (last && kind != ActivationKind::kClip && kind != ActivationKind::kNone) {
      const int64_t begin = part_begin(panels, tiles.column_tiles, column_tiles.begin) * table.width;
      const int64_t end =
          std::min(p.n, part_begin(panels, tiles.column_tiles, column_tiles.end) * table.width);
      for (int r = 0; r < block.count; ++r) table.activate(p.activation, c[r] + begin, end - begin);
    }
  }
}

void run_part(const Product& p, const TileChoice& tiles, Range row_tiles, Range column_tiles) {
  const Blocks blocks(p.taps, p.k);
  Scratch scratch;
  const bool one_block = blocks.taps_per_block >= p.taps && blocks.k_per_block >= p.k;
  const int64_t rows_per_tile = ceil_div(p.m, tiles.row_tiles);
  const int64_t step =
      one_block ? row_tiles.end - row_tiles.begin : std::max<int64_t>(1, kRowBlock / rows_per_tile);
  for (int64_t i = row_tiles.begin; i < row_tiles.end; i += step) {
    const Range part{i, std::min(i + step, row_tiles.end)};
    // An empty reduction still has one block, which writes the epilogue of zero.
    for (int64_t tap = 0; tap == 0 || tap < p.taps; tap += blocks.taps_per_block) {
      for (int64_t k = 0; k == 0 || k < p.k; k += blocks.k_per_block) {
        run_block(p, tiles, part, column_tiles, blocks, tap, k, scratch);
      }
    }
  }
}

}  // namespace

TileChoice choose_tiles(const Table& table, int64_t m, int64_t panels, int64_t reduction) {
  TileChoice best{1, 1};
  double best_cost = std::numeric_limits<double>::infinity();
  for (int wide = 1; wide <= table.max_panels; ++wide) {
    const int64_t column_tiles = ceil_div(panels, wide);
    const int64_t widest = ceil_div(panels, column_tiles);  // may be fewer than `wide`
    const int64_t row_tiles = ceil_div(m, table.max_rows[widest]);
    const double rows = static_cast<double>(m) / static_cast<double>(row_tiles);
    // Narrower tiles among the column tiles cost what they are wide.
    const int64_t wide_tiles = panels - (widest - 1) * column_tiles;
    const double cost =
        static_cast<double>(row_tiles) *
        (static_cast<double>(wide_tiles) * tile_cost(table, rows, double(widest), double(reduction)) +
         static_cast<double>(column_tiles - wide_tiles) *
             tile_cost(table, rows, double(widest - 1), double(reduction)));
    if (cost < best_cost) {
      best_cost = cost;
      best = {row_tiles, column_tiles};
    }
  }
  return best;
}

Blocks::Blocks(int64_t taps, int64_t k) {
  taps = std::max<int64_t>(taps, 1);  // no tap at all: one empty block
  if (k > kMaxBlock) {
    taps_per_block = 1;
    const int64_t blocks = ceil_div(k, kMaxBlock);
    k_per_block = ceil_div(k, blocks);
  } else {
    // At least 16 floats are counted for a tap: that bounds the pointers of a block.
    const int64_t most = std::max<int64_t>(1, kMaxBlock / std::max<int64_t>(k, 16));
    taps_per_block = ceil_div(taps, ceil_div(taps, most));
    k_per_block = k;
  }
  taps_per_block = std::max<int64_t>(taps_per_block, 1);
  k_per_block = std::max<int64_t>(k_per_block, 1);
}

void run(ThreadPool* pool, const Product& p) {
  if (p.m == 0 || p.n == 0) return;
  const Grid g = make_grid(p, pool ? pool->size() : 1);
  const auto part = [&](size_t index, int) {
    const int64_t r = static_cast<int64_t>(index) / g.column_parts,
                  c = static_cast<int64_t>(index) % g.column_parts;
    run_part(
        p, g.tiles,
        {part_begin(g.tiles.row_tiles, g.row_parts, r), part_begin(g.tiles.row_tiles, g.row_parts, r + 1)},
        {part_begin(g.tiles.column_tiles, g.column_parts, c),
         part_begin(g.tiles.column_tiles, g.column_parts, c + 1)});
  };
  const size_t count = static_cast<size_t>(g.row_parts * g.column_parts);
  const double work = double(p.m) * double(p.n) * double(p.taps * p.k);
  if (pool && pool->size() > 1 && work >= 2 * kMinWorkPerThread) {
    pool->parallel_for(count, part);
  } else {
    for (size_t i = 0; i < count; ++i) part(i, 0);
  }
}

}  // namespace dunlin::contraction
