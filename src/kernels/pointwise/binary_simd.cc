#include "kernels/pointwise/binary_simd.h"

#include <math.h>

#include "kernels/simd/math-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

template <typename A, typename B, typename Y, typename F>
void map_rows(const BinaryRows& r, const A* a, const B* b, Y* y, const F& f) {
  for (size_t row = 0; row < r.rows; ++row, a += r.a_row, b += r.b_row, y += r.n) {
    if (r.a_step && r.b_step) {
      for_lanes(r.n, [&](size_t i, auto load, auto store) { store(f(load(a + i), load(b + i)), y + i); });
    } else if (r.a_step) {
      const VF vb = constant(static_cast<float>(*b));
      for_lanes(r.n, [&](size_t i, auto load, auto store) { store(f(load(a + i), vb), y + i); });
    } else if (r.b_step) {
      const VF va = constant(static_cast<float>(*a));
      for_lanes(r.n, [&](size_t i, auto load, auto store) { store(f(va, load(b + i)), y + i); });
    } else {
      const VF v = f(constant(static_cast<float>(*a)), constant(static_cast<float>(*b)));
      for_lanes(r.n, [&](size_t i, auto, auto store) { store(v, y + i); });
    }
  }
}

template <typename A, typename B, typename Y>
void pow_rows(const BinaryRows& r, const A* a, const B* b, Y* y) {
  const bool one_exponent = !r.b_step && (r.b_row == 0 || r.rows == 1);
  if (one_exponent && static_cast<float>(*b) == 2)
    return map_rows(r, a, b, y, [](VF v, VF) { return hn::Mul(v, v); });
  if (one_exponent && static_cast<float>(*b) == 3) {
    return map_rows(r, a, b, y, [](VF v, VF) { return hn::Mul(hn::Mul(v, v), v); });
  }
  if (one_exponent && static_cast<float>(*b) == -1)
    return map_rows(r, a, b, y, [](VF v, VF) { return hn::Div(constant(1), v); });
  for (size_t row = 0; row < r.rows; ++row, a += r.a_row, b += r.b_row, y += r.n) {
    for (size_t i = 0; i < r.n; ++i) {
      const auto base = static_cast<float>(r.a_step ? a[i] : *a),
                 exponent = static_cast<float>(r.b_step ? b[i] : *b);
      y[i] = static_cast<Y>(::powf(base, exponent));
    }
  }
}

VF keep_nan(VF a, VF b, VF v) { return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, v)); }

template <typename A, typename B, typename Y>
void rows(BinaryOp op, const BinaryRows& r, const A* a, const B* b, Y* y) {
  switch (op) {
    case BinaryOp::kAdd:
      return map_rows(r, a, b, y, [](VF u, VF v) { return hn::Add(u, v); });
    case BinaryOp::kSub:
      return map_rows(r, a, b, y, [](VF u, VF v) { return hn::Sub(u, v); });
    case BinaryOp::kMul:
      return map_rows(r, a, b, y, [](VF u, VF v) { return hn::Mul(u, v); });
    case BinaryOp::kDiv:
      return map_rows(r, a, b, y, [](VF u, VF v) { return hn::Div(u, v); });
    case BinaryOp::kMax:
      return map_rows(r, a, b, y, [](VF u, VF v) { return keep_nan(u, v, hn::Max(u, v)); });
    case BinaryOp::kMin:
      return map_rows(r, a, b, y, [](VF u, VF v) { return keep_nan(u, v, hn::Min(u, v)); });
    case BinaryOp::kPow:
      return pow_rows(r, a, b, y);
    case BinaryOp::kSquaredDifference:
      return map_rows(r, a, b, y, [](VF u, VF v) {
        const VF d = hn::Sub(u, v);
        return hn::Mul(d, d);
      });
  }
}

}  // namespace

constexpr BinaryTable binary_table{rows<float, float, float>, rows<BFloat16, BFloat16, BFloat16>,
                                   rows<BFloat16, float, BFloat16>, rows<float, BFloat16, BFloat16>};

}  // namespace dunlin::HWY_NAMESPACE
