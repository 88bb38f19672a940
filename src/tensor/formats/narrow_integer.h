// INT4 and UINT4: sign-extended or zero-extended to a byte in memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dunlin/format.h"

namespace dunlin::formats {

/// `T` is the byte that the code lies in.
template <typename T, int kLeast, int kMost>
struct NarrowInteger {
  static constexpr bool kHasInfinity = false;

  static double decode(uint8_t code) { return static_cast<T>(code); }
  /// There is nothing to become but the nearest integer that the type has.
  static uint8_t encode(double x, bool, Rounding) {
    if (std::isnan(x)) return 0;
    return static_cast<uint8_t>(static_cast<T>(std::clamp<double>(std::nearbyint(x), kLeast, kMost)));
  }
};

}  // namespace dunlin::formats
