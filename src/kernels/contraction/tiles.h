// Blocks a contraction for the caches and chooses its tiles, for every member of the family: a member is one
// format of A, B and C (see part.h). Internal to contraction/.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "kernels/contraction/contraction.h"
#include "kernels/contraction/microkernel_simd.h"

namespace dunlin::contraction {

/// Longest part of the reduction that is summed in registers before it goes through memory, and the least that
/// is counted for a tap, which bounds the pointers of a block.
inline constexpr int64_t kMaxBlockBytes = 2560, kMinTapBytes = 64;
template <typename T>
inline constexpr int64_t kMaxBlockOf = kMaxBlockBytes / static_cast<int64_t>(sizeof(T));
inline constexpr int64_t kMaxBlock = kMaxBlockOf<float>;
inline constexpr int64_t kMaxBlockTaps = kMaxBlockBytes / kMinTapBytes;

/// The part of A that a tile reads: rows [row, row + count), taps [tap, tap + num_taps), and num_k channels
/// of each tap from k on.
template <typename A>
struct RowBlockOf {
  int64_t row;
  int count;
  int64_t tap, num_taps, k, num_k;
  A* buffer;  ///< room for kMaxTileRows x kMaxBlockOf<A> elements, for rows that must be gathered
};
using RowBlock = RowBlockOf<float>;

/// C[M,N] = finish(A * B); the reduction is taps x k long.
template <typename Member>
struct ProductOf {
  using A = typename Member::A;
  using C = typename Member::C;
  const typename Member::Table* table = nullptr;
  int64_t m = 0, n = 0, taps = 1, k = 0;
  bool a_transposed = false;
  ptrdiff_t row_stride = 0;  ///< elements from one row of A to the next, where that is regular
  const typename Member::B* packed_b = nullptr;
  /// Writes num_taps x count pointers, each to num_k elements; with a_transposed num_k pointers, each to the M
  /// elements of one k (row and count have no meaning then).
  FunctionRef<void(const RowBlockOf<A>& block, const A** pointers)> rows;
  /// Writes one pointer a row into `c` and, if there is a residual, into `residual`.
  FunctionRef<void(int64_t row, int count, C** c, const C** residual)> outputs;
  bool has_residual = false;
  typename Member::Finish finish;  ///< what happens to the sums: bias, activation, ...
};

/// A, B and C are floats.
struct F32 {
  using A = float;
  using B = float;
  using C = float;
  using Table = contraction::Table;
  struct Finish {
    float alpha = 1, beta = 1;
    const float* bias = nullptr;
    Activation activation;
  };
};
using Product = ProductOf<F32>;

/// Without a pool everything runs in the calling thread.
void run(ThreadPool* pool, const Product& product);

/// As gemm().
void run(ThreadPool* pool, const Table& table, const GemmShape& shape, const float* a, const float* packed_b,
         float* c, const Epilogue& epilogue);

/// Tile sizes for a product: `rows` is the most, shared out evenly over `row_tiles`; likewise panels.
struct TileChoice {
  int64_t row_tiles, column_tiles;
};
/// `steps`: of the reduction; one step takes as many k as lie side by side in a panel.
TileChoice choose_tiles(const TileShapes& table, int64_t m, int64_t panels, int64_t steps,
                        int64_t max_rows = kMaxTileRows);

/// What decides how a product is shared out.
struct GridShape {
  int64_t m, n, reduction, steps;
  bool rows_conflict;        ///< rows of A share sets of the L1 cache
  int64_t max_column_block;  ///< columns of which a block of B stays in the L2 cache
  int64_t max_tile_sums;     ///< of one row of tiles that a task may have; 0: any
};
struct Grid {
  TileChoice tiles;
  int64_t row_parts, column_parts;
  bool pays_threads;
};
Grid make_grid(const TileShapes& table, const GridShape& shape, int threads);

/// `total` shared out evenly over `parts`: part i is [begin(i), begin(i + 1)).
class Split {
 public:
  Split(int64_t total, int64_t parts) : size_(total / parts), longer_(total % parts) {}
  int64_t begin(int64_t i) const { return i * size_ + (i < longer_ ? i : longer_); }

 private:
  int64_t size_, longer_;
};

/// How a reduction of taps x k is cut into blocks of at most `most` elements, of which `least` are counted for a tap;
/// the same on every machine. A tap is cut at multiples of `group`.
struct Blocks {
  int64_t taps_per_block, k_per_block;
  Blocks(int64_t taps, int64_t k, int64_t most, int64_t least, int64_t group);
};

/// Zeros that padding reads: as long as the longest block.
template <typename A>
alignas(64) inline constexpr A kZeros[kMaxBlockOf<A> + kMinTapBytes * 4 / sizeof(A)] = {};

/// Packs rows [first_row, first_row + k) of a B whose reduction is `total_k` long; columns [0, n).
/// Element (i, j) comes from b[i * row_stride + j * column_stride].
void pack_panels(int width, int64_t first_panel, int64_t last_panel, int64_t total_k, int64_t first_row,
                 int64_t k, int64_t n, const float* b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                 float* packed);

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace dunlin::contraction
