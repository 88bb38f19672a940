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
constexpr double kMinWorkPerThread = 500e3;

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
  // Rows a multiple of 4 KiB apart share one set of the L1 cache: no more of them than it has ways to spare.
  const bool conflict = !p.a_transposed && p.row_stride != 0 && p.row_stride % 1024 == 0;
  Grid g{choose_tiles(*p.table, p.m, ceil_div(p.n, p.table->width), reduction, conflict ? 9 : kMaxTileRows),
         1, 1};
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

// A part of the product, with everything that does not change from block to block.
class Part {
 public:
  Part(const Product& p, const TileChoice& tiles, Range row_tiles, Range column_tiles)
      : p_(p),
        table_(*p.table),
        panels_(ceil_div(p.n, table_.width)),
        reduction_(p.taps * p.k),
        rows_(p.m, tiles.row_tiles),
        columns_(panels_, tiles.column_tiles),
        row_tiles_(row_tiles),
        column_tiles_(column_tiles),
        rows_per_tile_(ceil_div(p.m, tiles.row_tiles)),
        late_(p.activation.kind != ActivationKind::kNone && p.activation.kind != ActivationKind::kClip),
        late_bias_(p.bias != nullptr && p.alpha != 1) {
    if (p.bias == nullptr || late_bias_) return;
    // The last tile reads whole panels of bias: give it some.
    const int64_t begin = columns_.begin(column_tiles.end - 1) * table_.width;
    const int64_t end = columns_.begin(column_tiles.end) * table_.width;
    if (end <= p.n) return;
    std::fill(std::copy(p.bias + begin, p.bias + p.n, last_bias_), last_bias_ + (end - begin), 0.f);
    edge_tile_ = column_tiles.end - 1;
  }

  void run() {
    const Blocks blocks(p_.taps, p_.k);
    const bool one_block = blocks.taps_per_block >= p_.taps && blocks.k_per_block >= p_.k;
    const int64_t step =
        one_block ? row_tiles_.end - row_tiles_.begin : std::max<int64_t>(1, kRowBlock / rows_per_tile_);
    for (int64_t i = row_tiles_.begin; i < row_tiles_.end; i += step) {
      const Range rows{i, std::min(i + step, row_tiles_.end)};
      // An empty reduction still has one block, which writes the epilogue of zero.
      for (int64_t tap = 0; tap == 0 || tap < p_.taps; tap += blocks.taps_per_block) {
        for (int64_t k = 0; k == 0 || k < p_.k; k += blocks.k_per_block) {
          run_block(rows, {.row = 0,
                           .count = 0,
                           .tap = tap,
                           .num_taps = std::min(blocks.taps_per_block, p_.taps - tap),
                           .k = k,
                           .num_k = std::min(blocks.k_per_block, p_.k - k),
                           .buffer = buffer_});
        }
      }
    }
  }

 private:
  // One block of the reduction over all tiles.
  void run_block(Range row_tiles, RowBlock block) {
    const bool first = block.tap == 0 && block.k == 0;
    const bool last = block.tap + block.num_taps == p_.taps && block.k + block.num_k == p_.k;
    const bool has_bias = first && p_.bias && !late_bias_;
    const float* packed_b = p_.packed_b + (block.tap * p_.k + block.k) * table_.width;
    TileArgs args{.a = pointers_,
                  .taps = p_.a_transposed ? 1 : block.num_taps,
                  .k = block.num_k,
                  .panel_stride = reduction_ * table_.width,
                  .c = c_,
                  .addend = !first || p_.has_residual ? addend_ : nullptr,
                  .alpha = p_.alpha,
                  .beta = first ? p_.beta : 1.f,
                  .clip = last && p_.activation.kind == ActivationKind::kClip && !late_bias_,
                  .lo = p_.activation.a,
                  .hi = p_.activation.b};
    if (p_.a_transposed) p_.rows(block, pointers_);
    for (int64_t i = row_tiles.begin; i < row_tiles.end; ++i) {
      block.row = rows_.begin(i);
      block.count = static_cast<int>(rows_.begin(i + 1) - block.row);
      if (!p_.a_transposed) p_.rows(block, pointers_);
      args.a_column = block.row;
      p_.outputs(block.row, block.count, c_, addend_);
      if (!first) std::copy(c_, c_ + block.count, addend_);
      int64_t panel = columns_.begin(column_tiles_.begin);
      for (int64_t j = column_tiles_.begin; j < column_tiles_.end; ++j) {
        const int64_t next_panel = columns_.begin(j + 1), num_panels = next_panel - panel;
        args.column = panel * table_.width;
        args.num_columns = std::min(num_panels * table_.width, p_.n - args.column);
        args.b = packed_b + panel * args.panel_stride;
        if (has_bias) args.bias = j == edge_tile_ ? last_bias_ : p_.bias + args.column;
        (p_.a_transposed ? table_.columns : table_.rows)[num_panels][block.count](args);
        panel = next_panel;
      }
      if (last && (late_ || late_bias_)) finish_rows(block.count);
    }
  }

  // What the tiles could not do in registers, while the rows are still in the cache.
  void finish_rows(int count) {
    const int64_t begin = columns_.begin(column_tiles_.begin) * table_.width;
    const int64_t end = std::min(p_.n, columns_.begin(column_tiles_.end) * table_.width);
    for (int i = 0; i < count; ++i) {
      if (late_bias_) {
        for (int64_t j = begin; j < end; ++j) c_[i][j] += p_.bias[j];
      }
      table_.activate(p_.activation, c_[i] + begin, end - begin);
    }
  }

  const Product& p_;
  const Table& table_;
  const int64_t panels_, reduction_;
  const Split rows_, columns_;
  const Range row_tiles_, column_tiles_;
  const int64_t rows_per_tile_;
  const bool late_, late_bias_;
  int64_t edge_tile_ = -1;
  float* c_[kMaxTileRows];
  const float* addend_[kMaxTileRows];
  const float* pointers_[kMaxTileRows * kMaxBlock / 16];
  float last_bias_[kMaxTilePanels * 16];
  alignas(64) float buffer_[kMaxTileRows * kMaxBlock];
};

}  // namespace

TileChoice choose_tiles(const Table& table, int64_t m, int64_t panels, int64_t reduction, int64_t max_rows) {
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
  const Split row_parts(g.tiles.row_tiles, g.row_parts), column_parts(g.tiles.column_tiles, g.column_parts);
  const auto part = [&](size_t index, int) {
    const int64_t r = static_cast<int64_t>(index) / g.column_parts,
                  c = static_cast<int64_t>(index) % g.column_parts;
    Part(p, g.tiles, {row_parts.begin(r), row_parts.begin(r + 1)},
         {column_parts.begin(c), column_parts.begin(c + 1)})
        .run();
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
