// exp, log, erf, tanh and what follows from them, on vectors of floats. Errors are a few units in the last
// place; NaN stays NaN, infinities have their limits. The polynomials are our own minimax fits (weighted
// Lawson iteration in double, rounded to float); the comment beside each says what it stands for and its
// error.
#pragma once

#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {

HWY_INLINE VF constant(float value) { return hn::Set(F32(), value); }

/// max(x, lo) and min(x, hi) that keep a NaN in x, as PyTorch does; plain Max and Min differ between ISAs
/// there.
HWY_INLINE VF at_least(VF x, VF lo) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return hn::Max(lo, x);  // maxps gives its second operand when one is NaN
#else
  return hn::IfThenElse(hn::Lt(x, lo), lo, x);
#endif
}
HWY_INLINE VF at_most(VF x, VF hi) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return hn::Min(hi, x);
#else
  return hn::IfThenElse(hn::Lt(hi, x), hi, x);
#endif
}

/// Horner's rule, highest coefficient first.
template <typename... Rest>
HWY_INLINE VF polynomial(VF x, float first, Rest... rest) {
  VF sum = constant(first);
  ((sum = hn::MulAdd(sum, x, constant(rest))), ...);
  return sum;
}

/// p * 2^n for whole n in [-160, 160], rounding once into the subnormals and overflowing to infinity.
HWY_INLINE VF scale_by_power_of_two(VF p, VF n) {
#if HWY_TARGET == HWY_AVX3
  return VF{_mm512_scalef_ps(p.raw, n.raw)};
#else
  const VI whole = hn::ConvertTo(I32(), n);
  const VI half = hn::ShiftRight<1>(whole);  // 2^n itself may be out of range
  const auto power = [](VI e) {
    return hn::BitCast(F32(), hn::ShiftLeft<23>(hn::Add(e, hn::Set(I32(), 127))));
  };
  return hn::Mul(hn::Mul(p, power(half)), power(hn::Sub(whole, half)));
#endif
}

/// exp(x) = 2^n * (1 + r + r^2 q(r)) with |r| <= ln(2)/2.
struct ExpParts {
  VF n, r, q;
};
HWY_INLINE ExpParts exp_parts(VF x) {
  const VF n = hn::Round(hn::Mul(x, constant(1.44269504f)));
  // ln(2) in two parts: n times the first is exact.
  const VF r = hn::NegMulAdd(n, constant(-2.12194440e-4f), hn::NegMulAdd(n, constant(0.693359375f), x));
  // (exp(r) - 1 - r) / r^2, relative error of exp 3e-9
  const VF q = polynomial(r, 0.00139504811f, 0.00836888328f, 0.041666206f, 0.166665182f, 0.5f);
  return {n, r, q};
}
HWY_INLINE VF vexp(VF x) {
  const auto [n, r, q] = exp_parts(at_most(at_least(x, constant(-105)), constant(90)));
  const VF y = hn::Add(hn::MulAdd(hn::Mul(r, r), q, r), constant(1));
  return scale_by_power_of_two(y, n);
}

/// exp(x) - 1 without cancellation.
HWY_INLINE VF vexpm1(VF x) {
  const auto [n, r, q] = exp_parts(at_most(at_least(x, constant(-105)), constant(90)));
  const VF y = hn::MulAdd(hn::Mul(r, r), q, r);
  const VF high = hn::Sub(scale_by_power_of_two(constant(1), n), constant(1));
  const VF sum = hn::Add(scale_by_power_of_two(y, n), high);
  return hn::IfThenElse(hn::Gt(x, constant(89)), constant(HUGE_VALF), sum);  // inf - inf above
}

HWY_INLINE VF vlog(VF x) {
  const F32 d;
  const I32 di;
  const auto tiny = hn::Lt(x, constant(1.17549435e-38f));
  const VF scaled = hn::IfThenElse(tiny, hn::Mul(x, constant(8388608.0f)), x);
  const VI bits = hn::BitCast(di, scaled);
  // x = 2^e * m with m in [sqrt(1/2), sqrt(2))
  const VI e = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));
  const VF f = hn::Sub(hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(e))), constant(1));
  const VF exponent = hn::Sub(hn::ConvertTo(d, e), hn::IfThenElseZero(tiny, constant(23)));
  const VF f2 = hn::Mul(f, f);
  // (log(1+f) - f + f^2/2) / f^3, relative error of log 6e-9
  const VF p = polynomial(f, -0.0763449669f, 0.127615765f, -0.131601825f, 0.142017573f, -0.166233569f,
                          0.200012267f, -0.250008196f, 0.333333313f);
  VF low = hn::MulAdd(hn::Mul(f2, f), p, hn::Mul(exponent, constant(-2.12194440e-4f)));
  low = hn::Add(hn::NegMulAdd(constant(0.5f), f2, low), f);
  VF y = hn::MulAdd(exponent, constant(0.693359375f), low);
  y = hn::IfThenElse(hn::Gt(x, constant(3.40282347e38f)), x, y);
  y = hn::IfThenElse(hn::Eq(x, constant(0)), constant(-HUGE_VALF), y);
  return hn::IfThenElse(hn::Ge(x, constant(0)), y, hn::Mul(x, constant(NAN)));
}

/// log(1 + e) for e in [0, 1].
HWY_INLINE VF vlog1p_unit(VF e) {
  const VF u = hn::Add(e, constant(1));
  return hn::Add(vlog(u), hn::Div(hn::Sub(e, hn::Sub(u, constant(1))), u));  // what 1 + e rounded away
}

HWY_INLINE VF vsoftplus(VF x) {
  return hn::Add(at_least(x, constant(0)), vlog1p_unit(vexp(hn::Neg(hn::Abs(x)))));
}

HWY_INLINE VF vsigmoid(VF x) {
  const VF e = vexp(hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, constant(0)), e, constant(1)), hn::Add(e, constant(1)));
}

HWY_INLINE VF vtanh(VF x) {
  const VF a = hn::Abs(x), u = hn::Mul(x, x);
  // (tanh(x) - x) / x^3 in x^2, relative error of tanh 4e-9 up to 0.625
  const VF p = polynomial(u, -0.00571704516f, 0.020650588f, -0.0537434965f, 0.133314908f, -0.333332837f);
  const VF small = hn::MulAdd(hn::Mul(x, u), p, x);
  const VF one = constant(1);
  const VF large = hn::Sub(one, hn::Div(constant(2), hn::Add(vexp(hn::Add(a, a)), one)));
  return hn::IfThenElse(hn::Lt(a, constant(0.625f)), small, hn::CopySign(large, x));
}

HWY_INLINE VF verf(VF x) {
  const VF a = hn::Abs(x), u = hn::Mul(x, x);
  // erf(x) / x - 1 in x^2, error 2e-8 up to 0.93
  const VF p = polynomial(u, -0.00059768965f, 0.00499098096f, -0.0267655682f, 0.112818025f, -0.376124948f,
                          0.128379151f);
  const VF small = hn::MulAdd(x, p, x);
  // -log(erfc(a)), error of erf 2e-9 from 0.92 to 4, where erf is 1 in float
  const VF q = polynomial(at_most(a, constant(4)), -0.000194945766f, 0.0030336834f, -0.022189742f,
                          0.10385631f, 0.637265801f, 1.12762737f, 0.000207017554f);
  const VF large = hn::Sub(constant(1), vexp(hn::Neg(q)));
  return hn::IfThenElse(hn::Lt(a, constant(0.92f)), small, hn::CopySign(large, x));
}

}  // namespace dunlin::HWY_NAMESPACE
