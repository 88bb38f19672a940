// What every *_simd.cc starts from: Highway for this unit's instruction-set level, loads and stores of vector
// tails. Included only by files that are compiled once per level.
#pragma once

#include <hwy/highway.h>

#include <cmath>
#include <cstddef>
#include <cstring>

// DUNLIN_SIMD_EXPECT is the level the build asked for: without all of its flags Highway would silently take
// less.
static_assert(HWY_STATIC_TARGET == DUNLIN_SIMD_EXPECT,
              "the compiler flags do not give the instruction-set level");

namespace dunlin::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using VF = hn::Vec<F32>;
using I32 = hn::RebindToSigned<F32>;
using VI = hn::Vec<I32>;
inline constexpr size_t kLanes = hn::MaxLanes(F32());  // exact: no level of ours has scalable vectors

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

/// Calls body(i, load, store) for i = 0, kLanes, ... over [0, n); `load(p)` and `store(v, p)` touch only the
/// floats of [i, n), so that the body is the same for whole vectors and for the tail.
template <typename Body>
HWY_INLINE void for_lanes(size_t n, const Body& body) {
  const F32 d;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    body(
        i, [d](const float* p) { return hn::LoadU(d, p); }, [d](VF v, float* p) { hn::StoreU(v, d, p); });
  }
  if (const size_t rest = n - i; rest != 0) {
    body(
        i, [d, rest](const float* p) { return load_first(d, p, rest); },
        [d, rest](VF v, float* p) { store_first(v, d, p, rest); });
  }
}

}  // namespace dunlin::HWY_NAMESPACE
