// Runs the tiles of one contraction, for any member of the family. A member `M` has, beside the types that
// ProductOf uses,
//   Product              a ProductOf
//   Bias, Sum            what its tiles begin with and add up in; a sum may be the element of C
//   kGroup               how many k lie side by side in a panel; an odd rest of a tap is padded there
//   kSumsInC             sums that go through memory between blocks of the reduction do so in C itself
//   Tile                 the arguments of its tiles, derived from or alike TileArgs
//   tile_bias(p)         the bias that the tiles add, or null
//   begin_block(p, o)    a Tile with all that does not change within a block
//   run_tile(p, t, panels, rows)
//   finish_rows(p, c, count, begin, end)   what tiles could not do, after the last block
// Internal to contraction/.
#pragma once

#include <algorithm>
#include <type_traits>

#include "kernels/contraction/tiles.h"

namespace dunlin::contraction {

/// Where the tiles of a block of the reduction read and write, one pointer a row.
template <typename M>
struct BlockRows {
  typename M::C* const* c;
  const typename M::C* const* residual;  ///< null where there is none
  typename M::Sum* const* sums;  ///< of the blocks before, and where those go of a block that is not the last
  bool first, last;              ///< of the reduction
};

struct Range {
  int64_t begin, end;
};

/// Rows that are finished before the next ones begin, so that partial sums stay in the L2 cache.
inline constexpr int64_t kRowBlock = 192;
/// Room for sums that have no place in C.
inline constexpr int64_t kMaxSums = 16 * 1024;
/// B's block of one reduction block and one column range should stay in the L2 cache.
inline constexpr int64_t kColumnBlockBytes = 640 * 1024;

/// A part of the product, with everything that does not change from block to block.
template <typename M>
class Part {
  using A = typename M::A;
  using C = typename M::C;
  using Sum = typename M::Sum;
  using Bias = typename M::Bias;
  using Product = typename M::Product;

 public:
  Part(const Product& p, const TileChoice& tiles, Range row_tiles, Range column_tiles)
      : p_(p),
        width_(p.table->width),
        panels_(ceil_div(p.n, width_)),
        tap_steps_(ceil_div(p.k, M::kGroup)),
        rows_(p.m, tiles.row_tiles),
        columns_(panels_, tiles.column_tiles),
        row_tiles_(row_tiles),
        column_tiles_(column_tiles),
        rows_per_tile_(ceil_div(p.m, tiles.row_tiles)),
        first_column_(columns_.begin(column_tiles.begin) * width_),
        end_column_(columns_.begin(column_tiles.end) * width_),
        bias_(M::tile_bias(p)) {
    if (bias_ == nullptr || end_column_ <= p.n) return;
    // The last tile reads whole panels of bias: give it some.
    const int64_t begin = columns_.begin(column_tiles.end - 1) * width_;
    std::fill(std::copy(bias_ + begin, bias_ + p.n, last_bias_), last_bias_ + (end_column_ - begin), Bias{});
    edge_tile_ = column_tiles.end - 1;
  }

  void run() {
    const Blocks blocks(p_.taps, p_.k, kMaxBlockOf<A>, kMinTapBytes / sizeof(A), M::kGroup);
    one_block_ = blocks.taps_per_block >= p_.taps && blocks.k_per_block >= p_.k;
    int64_t step = row_tiles_.end - row_tiles_.begin;
    if (!one_block_) {
      int64_t rows = kRowBlock;
      if (!M::kSumsInC) rows = std::min(rows, kMaxSums / (end_column_ - first_column_));
      step = std::max<int64_t>(1, rows / rows_per_tile_);
    }
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
  void run_block(Range row_tiles, RowBlockOf<A> block) {
    const bool first = block.tap == 0 && block.k == 0;
    const bool last = block.tap + block.num_taps == p_.taps && block.k + block.num_k == p_.k;
    const int64_t step_elements = width_ * M::kGroup;
    const auto* packed_b = p_.packed_b + (block.tap * tap_steps_ + block.k / M::kGroup) * step_elements;
    typename M::Tile args =
        M::begin_block(p_, BlockRows<M>{c_, p_.has_residual ? residual_ : nullptr, sums_, first, last});
    args.a = pointers_;
    args.taps = p_.a_transposed ? 1 : block.num_taps;
    args.k = block.num_k;
    args.panel_stride = p_.taps * tap_steps_ * step_elements;
    if (p_.a_transposed) p_.rows(block, pointers_);
    const int64_t first_row = rows_.begin(row_tiles.begin);
    for (int64_t i = row_tiles.begin; i < row_tiles.end; ++i) {
      block.row = rows_.begin(i);
      block.count = static_cast<int>(rows_.begin(i + 1) - block.row);
      if (!p_.a_transposed) p_.rows(block, pointers_);
      if constexpr (requires { args.a_column; }) args.a_column = block.row;
      p_.outputs(block.row, block.count, c_, residual_);
      if (!one_block_) place_sums(block.row - first_row, block.count);
      int64_t panel = columns_.begin(column_tiles_.begin);
      for (int64_t j = column_tiles_.begin; j < column_tiles_.end; ++j) {
        const int64_t next_panel = columns_.begin(j + 1), num_panels = next_panel - panel;
        args.column = panel * width_;
        args.num_columns = std::min(num_panels * width_, p_.n - args.column);
        args.b = packed_b + panel * args.panel_stride;
        if (first && bias_) args.bias = j == edge_tile_ ? last_bias_ : bias_ + args.column;
        M::run_tile(p_, args, num_panels, block.count);
        panel = next_panel;
      }
      if (last) M::finish_rows(p_, c_, block.count, first_column_, std::min(p_.n, end_column_));
    }
  }

  void place_sums(int64_t row, int count) {
    if constexpr (M::kSumsInC) {
      std::copy(c_, c_ + count, sums_);
    } else {
      const int64_t columns = end_column_ - first_column_;
      for (int i = 0; i < count; ++i) sums_[i] = memory_ + (row + i) * columns - first_column_;
    }
  }

  const Product& p_;
  const int64_t width_, panels_, tap_steps_;
  const Split rows_, columns_;
  const Range row_tiles_, column_tiles_;
  const int64_t rows_per_tile_, first_column_, end_column_;
  const Bias* const bias_;
  bool one_block_ = true;
  int64_t edge_tile_ = -1;
  C* c_[kMaxTileRows];
  const C* residual_[kMaxTileRows];
  Sum* sums_[kMaxTileRows];
  const A* pointers_[kMaxTileRows * kMaxBlockTaps];
  Bias last_bias_[kMaxTilePanels * 16];
  alignas(64) A buffer_[kMaxTileRows * kMaxBlockOf<A>];
  alignas(64) Sum memory_[M::kSumsInC ? 1 : kMaxSums];
};

/// Without a pool everything runs in the calling thread.
template <typename M>
void run_parts(ThreadPool* pool, const typename M::Product& p) {
  if (p.m == 0 || p.n == 0) return;
  using A = typename M::A;
  const Blocks blocks(p.taps, p.k, kMaxBlockOf<A>, kMinTapBytes / sizeof(A), M::kGroup);
  const bool one_block = blocks.taps_per_block >= p.taps && blocks.k_per_block >= p.k;
  const int64_t reduction = p.taps * p.k, block = std::clamp<int64_t>(reduction, 1, kMaxBlockOf<A>);
  const Grid g =
      make_grid(*p.table,
                {.m = p.m,
                 .n = p.n,
                 .reduction = reduction,
                 .steps = p.taps * ceil_div(p.k, M::kGroup),
                 // Rows a multiple of 4 KiB apart share one set of the L1 cache.
                 .rows_conflict = !p.a_transposed && p.row_stride != 0 &&
                                  p.row_stride * static_cast<ptrdiff_t>(sizeof(A)) % 4096 == 0,
                 .max_column_block = kColumnBlockBytes / static_cast<int64_t>(sizeof(typename M::B)) / block,
                 .max_tile_sums = M::kSumsInC || one_block ? 0 : kMaxSums},
                pool ? pool->size() : 1);
  const Split row_parts(g.tiles.row_tiles, g.row_parts), column_parts(g.tiles.column_tiles, g.column_parts);
  const auto part = [&](size_t index, int) {
    const int64_t r = static_cast<int64_t>(index) / g.column_parts,
                  c = static_cast<int64_t>(index) % g.column_parts;
    Part<M>(p, g.tiles, {row_parts.begin(r), row_parts.begin(r + 1)},
            {column_parts.begin(c), column_parts.begin(c + 1)})
        .run();
  };
  const size_t count = static_cast<size_t>(g.row_parts * g.column_parts);
  if (pool && pool->size() > 1 && g.pays_threads) {
    pool->parallel_for(count, part);
  } else {
    for (size_t i = 0; i < count; ++i) part(i, 0);
  }
}

}  // namespace dunlin::contraction
