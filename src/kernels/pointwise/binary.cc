#include "kernels/pointwise/binary.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/pointwise/binary_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {

/// Drops axes of size 1 and joins axes that both inputs walk through evenly.
BroadcastDims collapse(const BroadcastDims& d) {
  BroadcastDims out;
  for (size_t i = 0; i < d.rank; ++i) {
    if (d.dims[i] == 1) continue;
    const auto size = static_cast<ptrdiff_t>(d.dims[i]);
    const size_t last = out.rank - 1;
    if (out.rank > 0 && out.a_strides[last] == d.a_strides[i] * size &&
        out.b_strides[last] == d.b_strides[i] * size) {
      out.dims[last] *= d.dims[i];
      out.a_strides[last] = d.a_strides[i];
      out.b_strides[last] = d.b_strides[i];
    } else {
      out.dims[out.rank] = d.dims[i];
      out.a_strides[out.rank] = d.a_strides[i];
      out.b_strides[out.rank] = d.b_strides[i];
      ++out.rank;
    }
  }
  return out;
}

template <typename A, typename B, typename Y>
BinaryRowsFunction<A, B, Y> rows_of(Isa isa) {
  BinaryRowsFunction<A, B, Y> rows;
  binary_table_of(isa).of(rows);
  return rows;
}

bool is_step(ptrdiff_t stride) { return stride == 0 || stride == 1; }

}  // namespace

template <typename A, typename B, typename Y>
void binary(ThreadPool& pool, Isa isa, BinaryOp op, const A* a, const B* b, Y* y, size_t n) {
  const auto rows = rows_of<A, B, Y>(isa);
  split_elements(pool, n, [&](size_t i, size_t end) {
    rows(op, {1, end - i, 0, 0, true, true}, a + i, b + i, y + i);
  });
}

BroadcastDims BroadcastDims::of(std::span<const size_t> a_shape, std::span<const size_t> b_shape) {
  BroadcastDims d;
  d.rank = std::max(a_shape.size(), b_shape.size());
  if (d.rank > kMaxRank)
    fail(ErrorCode::kInvalidArgument, "broadcast: {} axes, at most {} expected", d.rank, kMaxRank);
  ptrdiff_t a_stride = 1, b_stride = 1;
  for (size_t i = 0; i < d.rank; ++i) {  // from the innermost axis
    const size_t a = i < a_shape.size() ? a_shape[a_shape.size() - 1 - i] : 1;
    const size_t b = i < b_shape.size() ? b_shape[b_shape.size() - 1 - i] : 1;
    if (a != b && a != 1 && b != 1) {
      fail(ErrorCode::kInvalidArgument, "broadcast: sizes {} and {} differ on axis {} from the last", a, b,
           i);
    }
    const size_t at = d.rank - 1 - i;
    d.dims[at] = a == 1 ? b : a;
    d.a_strides[at] = a == 1 ? 0 : a_stride;
    d.b_strides[at] = b == 1 ? 0 : b_stride;
    a_stride *= static_cast<ptrdiff_t>(a);
    b_stride *= static_cast<ptrdiff_t>(b);
  }
  return d;
}

template <typename A, typename B, typename Y>
void binary_broadcast(ThreadPool& pool, Isa isa, BinaryOp op, const BroadcastDims& dims, const A* a,
                      const B* b, Y* y) {
  const auto rows = rows_of<A, B, Y>(isa);
  size_t total = 1;
  for (size_t i = 0; i < dims.rank; ++i) total *= dims.dims[i];
  if (total == 0) return;
  BroadcastDims d = collapse(dims);
  // The kernel wants a row whose steps are 0 or 1: a strided innermost axis becomes rows of one element.
  if (d.rank == 0 || !is_step(d.a_strides[d.rank - 1]) || !is_step(d.b_strides[d.rank - 1])) {
    if (d.rank == BroadcastDims::kMaxRank) {
      fail(ErrorCode::kInvalidArgument, "broadcast: {} strided axes, fewer expected", d.rank);
    }
    d.dims[d.rank++] = 1;
  }
  const size_t n = d.dims[d.rank - 1];
  const bool a_step = d.a_strides[d.rank - 1] == 1, b_step = d.b_strides[d.rank - 1] == 1;
  if (d.rank == 1) {
    return split_elements(pool, n, [&](size_t i, size_t end) {
      rows(op, {1, end - i, 0, 0, a_step, b_step}, a + (a_step ? i : 0), b + (b_step ? i : 0), y + i);
    });
  }
  const size_t row_axis = d.rank - 2, rows_in_block = d.dims[row_axis], all_rows = total / n;
  const auto run = [&](size_t row, size_t end) {
    while (row < end) {
      const size_t first = row % rows_in_block, count = std::min(end - row, rows_in_block - first);
      ptrdiff_t a_at = static_cast<ptrdiff_t>(first) * d.a_strides[row_axis];
      ptrdiff_t b_at = static_cast<ptrdiff_t>(first) * d.b_strides[row_axis];
      for (size_t rest = row / rows_in_block, axis = row_axis; axis-- > 0; rest /= d.dims[axis]) {
        const auto index = static_cast<ptrdiff_t>(rest % d.dims[axis]);
        a_at += index * d.a_strides[axis];
        b_at += index * d.b_strides[axis];
      }
      rows(op, {count, n, d.a_strides[row_axis], d.b_strides[row_axis], a_step, b_step}, a + a_at, b + b_at,
           y + row * n);
      row += count;
    }
  };
  const size_t rows_per_piece = std::max<size_t>(1, kMinElementsPerThread / n);
  if (pool.size() == 1 || all_rows < 2 * rows_per_piece) return run(0, all_rows);
  const size_t pieces = std::min<size_t>(all_rows / rows_per_piece, static_cast<size_t>(pool.size()) * 4);
  pool.parallel_for(pieces, [&](size_t i, int) { run(all_rows * i / pieces, all_rows * (i + 1) / pieces); });
}

template void binary(ThreadPool&, Isa, BinaryOp, const float*, const float*, float*, size_t);
template void binary_broadcast(ThreadPool&, Isa, BinaryOp, const BroadcastDims&, const float*, const float*,
                               float*);
template void binary(ThreadPool&, Isa, BinaryOp, const BFloat16*, const BFloat16*, BFloat16*, size_t);
template void binary_broadcast(ThreadPool&, Isa, BinaryOp, const BroadcastDims&, const BFloat16*,
                               const BFloat16*, BFloat16*);
template void binary(ThreadPool&, Isa, BinaryOp, const BFloat16*, const float*, BFloat16*, size_t);
template void binary_broadcast(ThreadPool&, Isa, BinaryOp, const BroadcastDims&, const BFloat16*,
                               const float*, BFloat16*);
template void binary(ThreadPool&, Isa, BinaryOp, const float*, const BFloat16*, BFloat16*, size_t);
template void binary_broadcast(ThreadPool&, Isa, BinaryOp, const BroadcastDims&, const float*,
                               const BFloat16*, BFloat16*);

}  // namespace dunlin
