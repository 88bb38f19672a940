#include "kernels/pointwise/unary_simd.h"

#include "kernels/simd/activation-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

template <typename T, typename F>
void map(const T* x, T* y, size_t n, const F& f) {
  for_lanes(n, [&](size_t i, auto load, auto store) { store(f(load(x + i)), y + i); });
}

template <typename F>
void map(const float* x0, const float* x1, float* y, size_t n, const F& f) {
  for_lanes(n, [&](size_t i, auto load, auto store) { store(f(load(x0 + i), load(x1 + i)), y + i); });
}

template <typename T>
void activation(const Activation& p, const T* x, T* y, size_t n) {
  with_activation(p, [&](auto act) { map(x, y, n, [&](VF v) { return act.template apply_for<T>(v); }); });
}

void activation_grad(const Activation& p, const float* dy, const float* x, float* dx, size_t n) {
  with_activation(
      p, [&](auto act) { map(dy, x, dx, n, [&](VF g, VF v) { return hn::Mul(g, act.derivative(v)); }); });
}

void activation_grad_from_output(const Activation& p, const float* dy, const float* y, float* dx, size_t n) {
  with_activation(p, [&](auto act) {
    map(dy, y, dx, n, [&](VF g, VF v) { return hn::Mul(g, act.derivative_from(v)); });
  });
}

VF sign(VF x) {
  const VF one = constant(1), zero = constant(0);
  const VF unit = hn::IfThenElse(hn::Lt(x, zero), constant(-1), hn::IfThenElse(hn::Gt(x, zero), one, x));
  return hn::IfThenElse(hn::Eq(x, zero), zero, unit);  // and NaN is NaN
}

template <typename T>
void unary(UnaryOp op, float a, const T* x, T* y, size_t n) {
  const VF one = constant(1), zero = constant(0), va = constant(a);
  switch (op) {
    case UnaryOp::kAbs:
      return map(x, y, n, [](VF v) { return hn::Abs(v); });
    case UnaryOp::kNeg:
      return map(x, y, n, [](VF v) { return hn::Neg(v); });
    case UnaryOp::kSquare:
      return map(x, y, n, [](VF v) { return hn::Mul(v, v); });
    case UnaryOp::kSqrt:
      return map(x, y, n, [](VF v) { return hn::Sqrt(v); });
    case UnaryOp::kReciprocal:
      return map(x, y, n, [=](VF v) { return hn::Div(one, v); });
    case UnaryOp::kExp:
      return map(x, y, n, [](VF v) { return vexp(v); });
    case UnaryOp::kLog:
      return map(x, y, n, [](VF v) { return vlog(v); });
    case UnaryOp::kErf:
      return map(x, y, n, [](VF v) { return verf(v); });
    case UnaryOp::kSoftplus:
      return map(x, y, n, [](VF v) { return vsoftplus(v); });
    case UnaryOp::kElu:
      return map(x, y, n, [=](VF v) { return hn::IfThenElse(hn::Lt(v, zero), hn::Mul(va, vexpm1(v)), v); });
    case UnaryOp::kFloor:
      return map(x, y, n, [](VF v) { return hn::Floor(v); });
    case UnaryOp::kCeil:
      return map(x, y, n, [](VF v) { return hn::Ceil(v); });
    case UnaryOp::kRound:
      return map(x, y, n, [](VF v) { return hn::Round(v); });
    case UnaryOp::kSign:
      return map(x, y, n, [](VF v) { return sign(v); });
  }
}

void unary_grad(UnaryOp op, float a, const float* dy, const float* x, float* dx, size_t n) {
  const VF one = constant(1), two = constant(2), zero = constant(0), va = constant(a);
  const auto times = [&](const auto& derivative) {
    map(dy, x, dx, n, [&](VF g, VF v) { return hn::Mul(g, derivative(v)); });
  };
  switch (op) {
    case UnaryOp::kAbs:
      return times([](VF v) { return sign(v); });
    case UnaryOp::kNeg:
      return times([=](VF) { return constant(-1); });
    case UnaryOp::kSquare:
      return times([=](VF v) { return hn::Mul(two, v); });
    case UnaryOp::kSqrt:
      return times([=](VF v) { return hn::Div(constant(0.5f), hn::Sqrt(v)); });
    case UnaryOp::kReciprocal:
      return times([=](VF v) { return hn::Div(constant(-1), hn::Mul(v, v)); });
    case UnaryOp::kExp:
      return times([](VF v) { return vexp(v); });
    case UnaryOp::kLog:
      return times([=](VF v) { return hn::Div(one, v); });
    case UnaryOp::kErf:  // 2/sqrt(pi) exp(-x^2)
      return times([](VF v) { return hn::Mul(constant(1.12837917f), vexp(hn::Neg(hn::Mul(v, v)))); });
    case UnaryOp::kSoftplus:
      return times([](VF v) { return vsigmoid(v); });
    case UnaryOp::kElu:
      return times([=](VF v) { return hn::IfThenElse(hn::Lt(v, zero), hn::Mul(va, vexp(v)), one); });
    case UnaryOp::kFloor:
    case UnaryOp::kCeil:
    case UnaryOp::kRound:
    case UnaryOp::kSign:
      return times([=](VF) { return zero; });
  }
}

}  // namespace

constexpr UnaryTable unary_table{
    activation<float>, activation<BFloat16>, activation_grad, activation_grad_from_output,
    unary<float>,      unary<BFloat16>,      unary_grad};

}  // namespace dunlin::HWY_NAMESPACE
