// Sums of four products of bytes: an unsigned one with a signed one, exactly, into lanes of 32 bits.
#pragma once

#include "kernels/simd/simd-inl.h"

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
#include <immintrin.h>
#elif HWY_TARGET == HWY_NEON
#include <arm_neon.h>
#endif

namespace dunlin::HWY_NAMESPACE {

/// Four bytes of A for each lane, and four of B: add_quad takes both.
#if HWY_TARGET == HWY_AVX3
struct Quad {
  VI bytes;
};
HWY_INLINE Quad quad_of_lanes(VI bytes) { return {bytes}; }
struct QuadOfLanes {
  VI bytes;
};
HWY_INLINE QuadOfLanes load_quads(const int8_t* b) {
  return {hn::LoadU(I32(), reinterpret_cast<const int32_t*>(b))};
}
HWY_INLINE VI add_quad(VI sum, Quad a, QuadOfLanes b) {
  return VI{_mm512_dpbusd_epi32(sum.raw, a.bytes.raw, b.bytes.raw)};
}
#elif HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_NEON
// In 16 bits, since vpmaddubsw saturates: even and odd bytes by themselves.
using I16 = hn::Repartition<int16_t, I32>;
using VS = hn::Vec<I16>;
struct Quad {
  VS even, odd;
};
HWY_INLINE Quad quad_of_lanes(VI bytes) {
  const hn::RebindToUnsigned<I16> du;
  const auto words = hn::BitCast(du, bytes);
  return {hn::BitCast(I16(), hn::And(words, hn::Set(du, 0xff))),
          hn::BitCast(I16(), hn::ShiftRight<8>(words))};
}
struct QuadOfLanes {
  VS even, odd;
};
HWY_INLINE QuadOfLanes load_quads(const int8_t* b) {
  const VS words = hn::BitCast(I16(), hn::LoadU(I32(), reinterpret_cast<const int32_t*>(b)));
  return {hn::ShiftRight<8>(hn::ShiftLeft<8>(words)), hn::ShiftRight<8>(words)};
}
HWY_INLINE VI add_pairs(VI sum, VS a, VS b) {
#if HWY_TARGET == HWY_AVX2
  return hn::Add(sum, VI{_mm256_madd_epi16(a.raw, b.raw)});
#else
  const int32x4_t lower = vmull_s16(vget_low_s16(a.raw), vget_low_s16(b.raw)),
                  upper = vmull_high_s16(a.raw, b.raw);
  return hn::Add(sum, VI(vpaddq_s32(lower, upper)));
#endif
}
HWY_INLINE VI add_quad(VI sum, Quad a, QuadOfLanes b) {
  return add_pairs(add_pairs(sum, a.even, b.even), a.odd, b.odd);
}
#else
struct Quad {
  uint8_t bytes[4];
};
HWY_INLINE Quad quad_of_lanes(VI bytes) {
  Quad q;
  std::memcpy(q.bytes, &bytes.raw, 4);
  return q;
}
struct QuadOfLanes {
  int8_t bytes[4];
};
HWY_INLINE QuadOfLanes load_quads(const int8_t* b) {
  QuadOfLanes q;
  std::memcpy(q.bytes, b, 4);
  return q;
}
HWY_INLINE VI add_quad(VI sum, Quad a, QuadOfLanes b) {
  int32_t dot = 0;
  for (int i = 0; i < 4; ++i) dot += int32_t{a.bytes[i]} * int32_t{b.bytes[i]};
  return hn::Add(sum, hn::Set(I32(), dot));
}
#endif

/// The same four for all lanes.
HWY_INLINE Quad quad_of(uint32_t a) { return quad_of_lanes(hn::Set(I32(), static_cast<int32_t>(a))); }

/// The group of `count` < 4 bytes at the end of a row, then zeros.
HWY_INLINE uint32_t partial_group(const uint8_t* a, int64_t count) {
  uint32_t bytes = 0;
  for (int64_t i = 0; i < count; ++i) bytes |= uint32_t{a[i]} << (8 * i);
  return bytes;
}
HWY_INLINE uint32_t group_at(const uint8_t* a) {
  uint32_t bytes;
  std::memcpy(&bytes, a, 4);
  return bytes;
}

}  // namespace dunlin::HWY_NAMESPACE
