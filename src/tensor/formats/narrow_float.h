// What the floats of 8 bits and fewer share: sign, exponent, mantissa; which codes are no numbers differs.
#pragma once

#include <algorithm>
#include <cmath>

#include "tensor/formats.h"

namespace dunlin::formats {

enum class Specials : uint8_t {
  kIeee,            ///< the largest exponent is infinity and NaN
  kOneNan,          ///< FN: the code of all ones is NaN, there is no infinity
  kMinusZeroIsNan,  ///< FNUZ: one NaN, the code of -0; no infinity and no -0
  kNone,            ///< every code is a number
};

template <int kExponentBits, int kMantissaBits, int kBias, Specials kSpecials>
struct NarrowFloat {
  static constexpr bool kHasInfinity = kSpecials == Specials::kIeee;
  static constexpr int kMagnitudeBits = kExponentBits + kMantissaBits;
  static constexpr uint8_t kSign = 1U << kMagnitudeBits;
  static constexpr uint8_t kOnes = kSign - 1;  ///< the largest magnitude
  static constexpr uint8_t kInfinity = kOnes & ~((1U << kMantissaBits) - 1);
  static constexpr uint8_t kNan = kSpecials == Specials::kMinusZeroIsNan ? kSign : kOnes;
  static constexpr uint8_t kLargest = kSpecials == Specials::kIeee     ? kInfinity - 1
                                      : kSpecials == Specials::kOneNan ? kOnes - 1
                                                                       : kOnes;

  static double decode(uint8_t code) {
    const uint8_t magnitude = code & kOnes;
    if (kSpecials == Specials::kMinusZeroIsNan && code == kNan) return NAN;
    if (kSpecials == Specials::kOneNan && magnitude == kNan) return NAN;
    const double sign = (code & kSign) != 0 ? -1 : 1;
    if (kSpecials == Specials::kIeee && magnitude >= kInfinity)
      return magnitude == kInfinity ? sign * INFINITY : NAN;
    const int exponent = magnitude >> kMantissaBits;
    const int mantissa = magnitude & ((1 << kMantissaBits) - 1);
    const int whole = exponent == 0 ? mantissa : mantissa | 1 << kMantissaBits;
    return sign * std::ldexp(whole, std::max(exponent, 1) - kBias - kMantissaBits);
  }

  static uint8_t encode(double x, bool saturate, Rounding) {
    const uint8_t sign = std::signbit(x) ? kSign : 0;
    // ONNX Cast: NaN becomes the largest number of FLOAT4E2M1, which has no NaN.
    if (std::isnan(x)) return kSpecials == Specials::kNone ? kLargest : kNan | (kNan == kSign ? 0 : sign);
    const double magnitude = std::fabs(x);
    double largest = decode(kLargest);
    if (std::isinf(x)) return saturate || kSpecials == Specials::kNone ? sign | kLargest : beyond(sign);
    // Everything below is exact: the unit is a power of two.
    const int exponent = magnitude == 0 ? 1 - kBias : std::max(std::ilogb(magnitude), 1 - kBias);
    const double rounded =
        std::ldexp(std::nearbyint(std::ldexp(magnitude, kMantissaBits - exponent)), exponent - kMantissaBits);
    if (rounded > largest) return saturate || kSpecials == Specials::kNone ? sign | kLargest : beyond(sign);
    if (rounded == 0) return kSpecials == Specials::kMinusZeroIsNan ? 0 : sign;
    const int e = std::max(std::ilogb(rounded), 1 - kBias);
    const auto whole = static_cast<int>(std::ldexp(rounded, kMantissaBits - e));
    const int code = ((e + kBias - 1) << kMantissaBits) + whole;  // the leading bit raises the exponent
    return static_cast<uint8_t>(sign | code);
  }

 private:
  static uint8_t beyond(uint8_t sign) {
    if (kSpecials == Specials::kIeee) return sign | kInfinity;
    return kSpecials == Specials::kMinusZeroIsNan ? kNan : sign | kNan;
  }
};

}  // namespace dunlin::formats
