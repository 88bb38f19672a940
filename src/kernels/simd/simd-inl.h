// What every *_simd.cc starts from: Highway for this unit's instruction-set level, loads and stores of vectors and
// their tails, of floats and of bf16. Included only by files that are compiled once per level.
#pragma once

#include <hwy/highway.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dunlin/half.h"

// DUNLIN_SIMD_EXPECT is the level the build asked for: without all of its flags Highway would silently take
// less.
static_assert(HWY_STATIC_TARGET == DUNLIN_SIMD_EXPECT,
              "the compiler flags do not give the instruction-set level");

namespace dunlin::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
}

#ifdef DUNLIN_SIMD_BF16
// To Highway this level is AVX3; what we compile for it must not share AVX3's names.
namespace dunlin::N_AVX3_BF16 {
namespace hn = hwy::HWY_NAMESPACE;
}
#undef HWY_NAMESPACE
#define HWY_NAMESPACE N_AVX3_BF16
#endif

namespace dunlin::HWY_NAMESPACE {

using F32 = hn::ScalableTag<float>;
using VF = hn::Vec<F32>;
using I32 = hn::RebindToSigned<F32>;
using VI = hn::Vec<I32>;
using U32 = hn::RebindToUnsigned<F32>;
using U16 = hn::Rebind<uint16_t, F32>;
inline constexpr size_t kLanes = hn::MaxLanes(F32());  // exact: no level of ours has scalable vectors

// bf16 lies in memory and is computed with as float. Rounding to it is to nearest, ties to even.

HWY_INLINE VF widen(hn::Vec<U16> v) { return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), v))); }

/// NaN stays NaN. Subnormals become zero where the processor has an instruction for it.
HWY_INLINE hn::Vec<U16> narrow(VF v) {
#ifdef DUNLIN_SIMD_BF16
  return hn::Vec<U16>{reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v.raw))};
#else
  const U32 d;
  const auto bits = hn::BitCast(d, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(d, 0x7fff)), odd);
  const auto quiet = hn::Or(bits, hn::Set(d, 0x400000));
  const auto chosen = hn::IfThenElse(hn::RebindMask(d, hn::IsNaN(v)), quiet, rounded);
  return hn::TruncateTo(U16(), hn::ShiftRight<16>(chosen));
#endif
}

HWY_INLINE const uint16_t* codes(const BFloat16* p) { return reinterpret_cast<const uint16_t*>(p); }
HWY_INLINE uint16_t* codes(BFloat16* p) { return reinterpret_cast<uint16_t*>(p); }

HWY_INLINE VF load_lanes(const float* p) { return hn::LoadU(F32(), p); }
HWY_INLINE VF load_lanes(const BFloat16* p) { return widen(hn::LoadU(U16(), codes(p))); }
HWY_INLINE void store_lanes(VF v, float* p) { hn::StoreU(v, F32(), p); }
HWY_INLINE void store_lanes(VF v, BFloat16* p) { hn::StoreU(narrow(v), U16(), codes(p)); }

/// The first `count` <= kLanes floats at `p`, zeros after; touches no memory behind them.
HWY_INLINE VF load_first(F32 d, const float* HWY_RESTRICT p, size_t count) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN float lanes[kLanes] = {};
  for (size_t i = 0; i < count; ++i) lanes[i] = p[i];
  return hn::Load(d, lanes);
#endif
}

HWY_INLINE void store_first(VF v, F32 d, float* HWY_RESTRICT p, size_t count) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, d, lanes);
  for (size_t i = 0; i < count; ++i) p[i] = lanes[i];
#endif
}

HWY_INLINE VF load_first(F32, const BFloat16* HWY_RESTRICT p, size_t count) {
#if HWY_TARGET == HWY_AVX3
  return widen(hn::MaskedLoad(hn::FirstN(U16(), count), U16(), codes(p)));
#else
  HWY_ALIGN uint16_t lanes[kLanes] = {};
  for (size_t i = 0; i < count; ++i) lanes[i] = p[i].bits;
  return widen(hn::Load(U16(), lanes));
#endif
}

HWY_INLINE void store_first(VF v, F32, BFloat16* HWY_RESTRICT p, size_t count) {
#if HWY_TARGET == HWY_AVX3
  hn::BlendedStore(narrow(v), hn::FirstN(U16(), count), U16(), codes(p));
#else
  HWY_ALIGN uint16_t lanes[kLanes];
  hn::Store(narrow(v), U16(), lanes);
  for (size_t i = 0; i < count; ++i) p[i].bits = lanes[i];
#endif
}

/// Calls body(i, load, store) for i = 0, kLanes, ... over [0, n); `load(p)` and `store(v, p)` touch only the
/// elements of [i, n), floats or bf16, so that the body is the same for whole vectors and for the tail.
template <typename Body>
HWY_INLINE void for_lanes(size_t n, const Body& body) {
  const F32 d;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    body(
        i, [](const auto* p) HWY_ATTR { return load_lanes(p); },
        [](VF v, auto* p) HWY_ATTR { store_lanes(v, p); });
  }
  if (const size_t rest = n - i; rest != 0) {
    body(
        i, [d, rest](const auto* p) HWY_ATTR { return load_first(d, p, rest); },
        [d, rest](VF v, auto* p) HWY_ATTR { store_first(v, d, p, rest); });
  }
}

}  // namespace dunlin::HWY_NAMESPACE
