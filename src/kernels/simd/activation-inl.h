// Activations and their derivatives on vectors. with_activation() turns the run-time kind into a type, once,
// outside the loop.
#pragma once

#include <type_traits>

#include "kernels/epilogue.h"
#include "kernels/simd/math-inl.h"

namespace dunlin::HWY_NAMESPACE {

constexpr float kGeluTanhInner = 0.797884561f;  // sqrt(2/pi)
constexpr float kGeluTanhCube = 0.044715f;

/// tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2), where e = exp(x); 1 from x = 20 on.
struct MishGate {
  VF e, n, inverse;
  explicit HWY_INLINE MishGate(VF x)
      : e(vexp(at_most(x, constant(20)))),
        n(hn::Mul(e, hn::Add(e, constant(2)))),
        inverse(hn::Div(constant(1), hn::Add(n, constant(2)))) {}
  HWY_INLINE VF value() const { return hn::Mul(n, inverse); }
};

/// `apply(x)`; `derivative(x)` by the input; `derivative_from(y)` by the output, for the kinds that are
/// monotonous (kNone, kClip, kLeakyRelu with slope > 0, kHardSigmoid, kSigmoid, kTanh). At a kink the
/// derivative is the one of the flat side, as PyTorch has it for relu, hardtanh and hardsigmoid.
template <ActivationKind kKind>
struct ActivationOf {
  static constexpr ActivationKind kind = kKind;
  VF a, b;

  explicit ActivationOf(const Activation& p) : a(constant(p.a)), b(constant(p.b)) {}

  HWY_INLINE VF apply(VF x) const {
    using K = ActivationKind;
    if constexpr (kKind == K::kClip) return at_most(at_least(x, a), b);
    if constexpr (kKind == K::kLeakyRelu) return hn::IfThenElse(hn::Lt(x, constant(0)), hn::Mul(a, x), x);
    if constexpr (kKind == K::kHardSigmoid)
      return at_most(at_least(hn::MulAdd(a, x, b), constant(0)), constant(1));
    if constexpr (kKind == K::kHardSwish) return hn::Mul(x, hard_gate(x));
    if constexpr (kKind == K::kSigmoid) return vsigmoid(x);
    if constexpr (kKind == K::kSilu) return hn::Mul(x, vsigmoid(x));
    if constexpr (kKind == K::kTanh) return vtanh(x);
    if constexpr (kKind == K::kGelu) {
      const VF half = hn::Mul(x, constant(0.5f));
      return hn::MulAdd(half, verf(hn::Mul(x, constant(0.707106781f))), half);
    }
    if constexpr (kKind == K::kGeluTanh) {
      const VF half = hn::Mul(x, constant(0.5f));
      return hn::MulAdd(half, vtanh(gelu_tanh_inner(x)), half);
    }
    if constexpr (kKind == K::kMish) return hn::Mul(x, MishGate(x).value());
    return x;
  }

  /// For a result that is stored as T. One that is rounded to bf16 need only be right to 2^-13 of itself, and to 1e-36.
  template <typename T>
  HWY_INLINE VF apply_for(VF x) const {
#ifdef DUNLIN_SIMD_BF16
    using K = ActivationKind;
    if constexpr (std::is_same_v<T, BFloat16> && kKind == K::kSigmoid) return rough_sigmoid(x);
    if constexpr (std::is_same_v<T, BFloat16> && kKind == K::kSilu) return hn::Mul(x, rough_sigmoid(x));
#endif
    return apply(x);
  }

  HWY_INLINE VF derivative(VF x) const {
    using K = ActivationKind;
    const VF one = constant(1);
    if constexpr (kKind == K::kClip) return strictly_between(x, a, b);
    if constexpr (kKind == K::kLeakyRelu) return hn::IfThenElse(hn::Gt(x, constant(0)), one, a);
    if constexpr (kKind == K::kHardSigmoid)
      return hn::Mul(a, strictly_between(hn::MulAdd(a, x, b), constant(0), one));
    if constexpr (kKind == K::kHardSwish) {
      const VF slope = hn::MulAdd(x, constant(1.f / 3), constant(0.5f));
      const VF upper = hn::IfThenElse(hn::Gt(x, constant(3)), one, slope);
      return hn::IfThenElseZero(hn::Ge(x, constant(-3)), upper);
    }
    if constexpr (kKind == K::kSigmoid || kKind == K::kTanh) return derivative_from(apply(x));
    if constexpr (kKind == K::kSilu) {
      const VF s = vsigmoid(x);
      return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
    }
    if constexpr (kKind == K::kGelu) {
      // Phi(x) + x * phi(x)
      const VF phi = hn::Mul(vexp(hn::Mul(hn::Mul(x, x), constant(-0.5f))), constant(0.398942280f));
      const VF cdf = hn::MulAdd(verf(hn::Mul(x, constant(0.707106781f))), constant(0.5f), constant(0.5f));
      return hn::MulAdd(x, phi, cdf);
    }
    if constexpr (kKind == K::kGeluTanh) {
      const VF half = constant(0.5f), t = vtanh(gelu_tanh_inner(x));
      const VF inner_slope =
          hn::Mul(constant(kGeluTanhInner), hn::MulAdd(hn::Mul(x, x), constant(3 * kGeluTanhCube), one));
      return hn::MulAdd(hn::Mul(hn::Mul(half, x), hn::NegMulAdd(t, t, one)), inner_slope,
                        hn::MulAdd(half, t, half));
    }
    if constexpr (kKind == K::kMish) {  // t + x (1 - t) (1 + t) sigmoid(x)
      const MishGate gate(x);
      const VF t = gate.value(), sigmoid = hn::Div(gate.e, hn::Add(gate.e, one));
      const VF rest = hn::Mul(hn::Mul(constant(2), gate.inverse), hn::Mul(hn::Add(t, one), sigmoid));
      return hn::MulAdd(x, rest, t);
    }
    return one;
  }

  HWY_INLINE VF derivative_from(VF y) const {
    using K = ActivationKind;
    const VF one = constant(1);
    if constexpr (kKind == K::kSigmoid) return hn::Mul(y, hn::Sub(one, y));
    if constexpr (kKind == K::kTanh) return hn::NegMulAdd(y, y, one);
    if constexpr (kKind == K::kHardSigmoid) return hn::Mul(a, strictly_between(y, constant(0), one));
    if constexpr (kKind == K::kClip || kKind == K::kLeakyRelu) return derivative(y);
    return one;
  }

 private:
#ifdef DUNLIN_SIMD_BF16
  /// 1 / (1 + 2^t), t = -x log2(e), in half the instructions of vsigmoid.
  static HWY_INLINE VF rough_sigmoid(VF x) {
    const VF t = hn::Mul(x, constant(-1.44269504f));
    const VF fraction{_mm512_reduce_ps(t.raw, _MM_FROUND_TO_NEG_INF)};
    // 2^fraction, relative error 3e-6
    const VF p = polynomial(fraction, 0.0135341678f, 0.0520114601f, 0.241442755f, 0.693003833f, 1.00000262f);
    const VF e{_mm512_scalef_ps(p.raw, t.raw)};  // which rounds t down itself
    return VF{_mm512_rcp14_ps(hn::Add(e, constant(1)).raw)};
  }
#endif
  static HWY_INLINE VF gelu_tanh_inner(VF x) {
    return hn::Mul(hn::Mul(x, constant(kGeluTanhInner)),
                   hn::MulAdd(hn::Mul(x, x), constant(kGeluTanhCube), constant(1)));
  }
  static HWY_INLINE VF hard_gate(VF x) {
    return at_most(at_least(hn::MulAdd(x, constant(1.f / 6), constant(0.5f)), constant(0)), constant(1));
  }
  static HWY_INLINE VF strictly_between(VF x, VF lo, VF hi) {
    return hn::IfThenElseZero(hn::And(hn::Gt(x, lo), hn::Lt(x, hi)), constant(1));
  }
};

/// Calls run(ActivationOf<kind>) for the kind of `p`.
template <typename Run>
HWY_INLINE void with_activation(const Activation& p, const Run& run) {
  using K = ActivationKind;
  switch (p.kind) {
    case K::kNone:
      return run(ActivationOf<K::kNone>(p));
    case K::kClip:
      return run(ActivationOf<K::kClip>(p));
    case K::kLeakyRelu:
      return run(ActivationOf<K::kLeakyRelu>(p));
    case K::kHardSigmoid:
      return run(ActivationOf<K::kHardSigmoid>(p));
    case K::kHardSwish:
      return run(ActivationOf<K::kHardSwish>(p));
    case K::kSigmoid:
      return run(ActivationOf<K::kSigmoid>(p));
    case K::kSilu:
      return run(ActivationOf<K::kSilu>(p));
    case K::kTanh:
      return run(ActivationOf<K::kTanh>(p));
    case K::kGelu:
      return run(ActivationOf<K::kGelu>(p));
    case K::kGeluTanh:
      return run(ActivationOf<K::kGeluTanh>(p));
    case K::kMish:
      return run(ActivationOf<K::kMish>(p));
  }
}

}  // namespace dunlin::HWY_NAMESPACE
