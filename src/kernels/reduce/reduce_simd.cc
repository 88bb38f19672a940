#include "kernels/reduce/reduce_simd.h"

#include <algorithm>

#include "kernels/simd/math-inl.h"
#include "kernels/simd/row_sum-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

struct Sum {
  static constexpr float kStart = 0;
  static VF join(VF a, VF b) { return hn::Add(a, b); }
  static VF take(VF a) { return a; }
};
struct SumSquares : Sum {
  static VF take(VF a) { return hn::Mul(a, a); }
};
struct Max {
  static constexpr float kStart = -HUGE_VALF;
  static VF join(VF a, VF b) { return hn::IfThenElse(hn::IsNaN(a), a, at_least(b, a)); }
  static VF take(VF a) { return a; }
};
struct Min {
  static constexpr float kStart = HUGE_VALF;
  static VF join(VF a, VF b) { return hn::IfThenElse(hn::IsNaN(a), a, at_most(b, a)); }
  static VF take(VF a) { return a; }
};

template <typename Op, typename Run>
VF join_of_eight(const Run& at) {
  return Op::join(Op::join(Op::join(at(0), at(1)), Op::join(at(2), at(3))),
                  Op::join(Op::join(at(4), at(5)), Op::join(at(6), at(7))));
}

/// Eight rows at a time, so that every stream is read forwards and sums stay in the first-level cache.
template <typename Op>
void columns(size_t rows, size_t c, const float* x, float* y) {
  std::fill_n(y, c, Op::kStart);
  size_t r = 0;
  for (; r + 8 <= rows; r += 8, x += 8 * c) {
    for_lanes(c, [&](size_t i, auto load, auto store) {
      const VF sum = join_of_eight<Op>([&](size_t k) { return Op::take(load(x + k * c + i)); });
      store(Op::join(load(y + i), sum), y + i);
    });
  }
  for (; r < rows; ++r, x += c) {
    for_lanes(c, [&](size_t i, auto load, auto store) {
      store(Op::join(load(y + i), Op::take(load(x + i))), y + i);
    });
  }
}

template <typename Op>
void block_of(size_t outer, size_t reduced, size_t inner, const float* x, float* y) {
  for (size_t o = 0; o < outer; ++o) {
    const size_t at = o * reduced * inner;
    if (inner == 1) {
      y[o] = row_reduce(
          reduced, Op::kStart, [&](size_t i, auto load) { return Op::take(load(x + at + i)); },
          [](VF u, VF v) { return Op::join(u, v); });
    } else {
      columns<Op>(reduced, inner, x + at, y + o * inner);
    }
  }
}

void block(Accumulate op, size_t outer, size_t reduced, size_t inner, const float* x, float* y) {
  switch (op) {
    case Accumulate::kSum:
      return block_of<Sum>(outer, reduced, inner, x, y);
    case Accumulate::kSumSquares:
      return block_of<SumSquares>(outer, reduced, inner, x, y);
    case Accumulate::kMax:
      return block_of<Max>(outer, reduced, inner, x, y);
    case Accumulate::kMin:
      return block_of<Min>(outer, reduced, inner, x, y);
  }
}

template <typename Op>
void combine_of(size_t n, const float* x, float* y) {
  for_lanes(n, [&](size_t i, auto load, auto store) { store(Op::join(load(y + i), load(x + i)), y + i); });
}

void combine(Accumulate op, size_t n, const float* x, float* y) {
  switch (op) {
    case Accumulate::kMax:
      return combine_of<Max>(n, x, y);
    case Accumulate::kMin:
      return combine_of<Min>(n, x, y);
    default:
      return combine_of<Sum>(n, x, y);
  }
}

}  // namespace

constexpr ReduceTable reduce_table{block, combine};

}  // namespace dunlin::HWY_NAMESPACE
