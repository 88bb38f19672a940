/// 16-bit floating-point numbers as they lie in memory and in files: IEEE 754 binary16 and bfloat16 (the upper
/// half of a binary32).
///
/// Example:
///   dunlin::Half h(0.1f);
///   float near = static_cast<float>(h);                       // 0.099975586
///   float far = static_cast<float>(dunlin::BFloat16(0.1f));   // 0.10009766
///
/// Rounding  to nearest, ties to even. Beyond the largest number comes infinity; NaN stays NaN, the sign and
///           subnormals are kept. Back to float is exact.
/// Equality  none: compare as float, or the `bits`.
/// Threads   values without state. Errors: none.
#pragma once

#include <bit>
#include <cstdint>

namespace dunlin {

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    if ((u & 0x7fffffff) > 0x7f800000)
      bits = static_cast<uint16_t>((u >> 16) | 0x40);  // quiet, and never rounded into infinity
    else
      bits = static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

struct Half {
  uint16_t bits = 0;

  Half() = default;
  explicit Half(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value), sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000) {  // NaN
      bits = static_cast<uint16_t>(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
    } else if (magnitude >= 0x477ff000) {  // 65520 and above round to infinity
      bits = static_cast<uint16_t>(sign | 0x7c00);
    } else if (magnitude < 0x38800000) {  // below 2^-14: adding 0.5 lets the FPU round at 2^-24
      const float f = std::bit_cast<float>(magnitude) + 0.5f;
      bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(f) - 0x3f000000));
    } else {
      const uint32_t rebased = magnitude - 0x38000000;
      bits = static_cast<uint16_t>(sign | ((rebased + 0xfff + ((rebased >> 13) & 1)) >> 13));
    }
  }
  explicit operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, exponent = (bits >> 10) & 31,
                   m = bits & 0x3ff;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (m << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (m << 13));
    const float subnormal = static_cast<float>(m) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(subnormal));
  }
};

}  // namespace dunlin
