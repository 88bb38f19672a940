// Functions of two values, dense or with broadcasting. The output may be the same memory as an input that is
// not broadcast.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/half.h"

namespace dunlin {

enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,  ///< NaN when either is NaN
  kMin,
  kPow,  ///< as C's powf
  kSquaredDifference,
};

/// y[i] = op(a[i], b[i]). A, B and Y are float, or Y and at least one of A and B are BFloat16, which is computed with in
/// float.
template <typename A, typename B, typename Y>
void binary(ThreadPool& pool, Isa isa, BinaryOp op, const A* a, const B* b, Y* y, size_t n);

/// The loop nest of a broadcast: y is dense in `dims`, outermost first; a stride of 0 repeats an input.
struct BroadcastDims {
  static constexpr size_t kMaxRank = 8;
  size_t rank = 0;
  std::array<size_t, kMaxRank> dims{};
  std::array<ptrdiff_t, kMaxRank> a_strides{}, b_strides{};

  /// Of two dense inputs under numpy's rule: shapes aligned at the right, sizes of 1 repeated. Axes are those
  /// of memory: for channels-last data the channel is the last. Throws kInvalidArgument where sizes differ.
  static BroadcastDims of(std::span<const size_t> a_shape, std::span<const size_t> b_shape);
};

/// y = op(a, b) over the loop nest. Fast where the innermost strides are 0 or 1: a scalar, a channel vector
/// over [rows, c], a column over rows, or [n, 1, c] over [n, hw, c] as squeeze-and-excite has it.
template <typename A, typename B, typename Y>
void binary_broadcast(ThreadPool& pool, Isa isa, BinaryOp op, const BroadcastDims& dims, const A* a,
                      const B* b, Y* y);

}  // namespace dunlin
