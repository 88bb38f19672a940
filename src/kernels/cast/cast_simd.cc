#include "kernels/cast/cast_simd.h"

#include <cstring>

#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// One value at a time, for tails and where the processor has no conversion. Layout of half: sign, 5 bits of
// exponent (bias 15), 10 of mantissa.
uint16_t half_of(float x) {
  const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000)
    return static_cast<uint16_t>(sign | 0x7c00);  // 65520 and above round to infinity
  if (magnitude < 0x38800000) {                   // below 2^-14: half subnormals
    // Adding 0.5 leaves the value in units of 2^-24 in the low mantissa bits, rounded by the addition itself.
    const float shifted = from_bits(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (bits_of(shifted) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) {
    const uint32_t quiet = magnitude > 0x7c00 ? 0x400000 : 0;
    return from_bits(sign | 0x7f800000 | quiet | (magnitude & 0x3ff) << 13);
  }
  if (magnitude < 0x400) {  // subnormal: exact as a product
    const float value = static_cast<float>(magnitude) * 5.9604644775390625e-8f;  // 2^-24
    return from_bits(sign | bits_of(value));
  }
  return from_bits(sign | ((magnitude << 13) + 0x38000000));
}

void float_to_half(const float* x, uint16_t* y, size_t n) {
  size_t i = 0;
#if HWY_TARGET == HWY_AVX3
  for (; i + 16 <= n; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), _mm512_cvtps_ph(_mm512_loadu_ps(x + i), 0));
  }
#elif HWY_TARGET == HWY_AVX2
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
  }
#elif HWY_TARGET == HWY_NEON
  for (; i + 4 <= n; i += 4) vst1_u16(y + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
#endif
  for (; i < n; ++i) y[i] = half_of(x[i]);
}

void half_to_float(const uint16_t* x, float* y, size_t n) {
  size_t i = 0;
#if HWY_TARGET == HWY_AVX3
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i))));
  }
#elif HWY_TARGET == HWY_AVX2
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }
#elif HWY_TARGET == HWY_NEON
  for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + i))));
#endif
  for (; i < n; ++i) y[i] = from_half(x[i]);
}

void float_to_bfloat16(const float* x, uint16_t* y, size_t n) {
  auto* to = reinterpret_cast<BFloat16*>(y);
  for_lanes(n, [&](size_t i, auto load, auto store) { store(load(x + i), to + i); });
}

void bfloat16_to_float(const uint16_t* x, float* y, size_t n) {
  const auto* from = reinterpret_cast<const BFloat16*>(x);
  for_lanes(n, [&](size_t i, auto load, auto store) { store(load(from + i), y + i); });
}

}  // namespace

constexpr CastTable cast_table{float_to_half, half_to_float, float_to_bfloat16, bfloat16_to_float};

}  // namespace dunlin::HWY_NAMESPACE
