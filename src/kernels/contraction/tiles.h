// Runs the tiles of one contraction: chooses the tile size, blocks for the caches, splits over threads.
// Internal to contraction/.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "kernels/contraction/contraction.h"
#include "kernels/contraction/microkernel_simd.h"

namespace dunlin::contraction {

/// Longest part of the reduction that is summed in registers before it goes through memory.
inline constexpr int64_t kMaxBlock = 640;

/// The part of A that a tile reads: rows [row, row + count), taps [tap, tap + num_taps), and num_k channels
/// of each tap from k on.
struct RowBlock {
  int64_t row;
  int count;
  int64_t tap, num_taps, k, num_k;
  float* buffer;  ///< room for kMaxTileRows x kMaxBlock floats, for rows that must be gathered
};

/// C[M,N] = epilogue(A * B); the reduction is taps x k long.
struct Product {
  const Table* table = nullptr;
  int64_t m = 0, n = 0, taps = 1, k = 0;
  bool a_transposed = false;
  ptrdiff_t row_stride = 0;  ///< floats from one row of A to the next, where that is regular
  const float* packed_b = nullptr;
  /// Writes num_taps x count pointers, each to num_k floats; with a_transposed num_k pointers, each to the M
  /// floats of one k (row and count have no meaning then).
  FunctionRef<void(const RowBlock& block, const float** pointers)> rows;
  /// Writes one pointer a row into `c` and, if there is a residual, into `residual`.
  FunctionRef<void(int64_t row, int count, float** c, const float** residual)> outputs;
  bool has_residual = false;
  float alpha = 1, beta = 1;
  const float* bias = nullptr;
  Activation activation;
};

/// Without a pool everything runs in the calling thread.
void run(ThreadPool* pool, const Product& product);

/// As gemm().
void run(ThreadPool* pool, const Table& table, const GemmShape& shape, const float* a, const float* packed_b,
         float* c, const Epilogue& epilogue);

/// Tile sizes for a product: `rows` is the most, shared out evenly over `row_tiles`; likewise panels.
struct TileChoice {
  int64_t row_tiles, column_tiles;
};
TileChoice choose_tiles(const Table& table, int64_t m, int64_t panels, int64_t reduction,
                        int64_t max_rows = kMaxTileRows);

/// `total` shared out evenly over `parts`: part i is [begin(i), begin(i + 1)).
class Split {
 public:
  Split(int64_t total, int64_t parts) : size_(total / parts), longer_(total % parts) {}
  int64_t begin(int64_t i) const { return i * size_ + (i < longer_ ? i : longer_); }

 private:
  int64_t size_, longer_;
};

/// How a reduction of taps x k is cut into blocks of at most kMaxBlock; the same on every machine.
struct Blocks {
  int64_t taps_per_block, k_per_block;
  Blocks(int64_t taps, int64_t k);
};

/// Zeros that padding reads: as long as the longest block.
extern const float kZeros[kMaxBlock + 64];

/// Packs rows [first_row, first_row + k) of a B whose reduction is `total_k` long; columns [0, n).
/// Element (i, j) comes from b[i * row_stride + j * column_stride].
void pack_panels(int width, int64_t first_panel, int64_t last_panel, int64_t total_k, int64_t first_row,
                 int64_t k, int64_t n, const float* b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                 float* packed);

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace dunlin::contraction
