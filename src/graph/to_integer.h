// Numbers as integers.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace dunlin {

/// Toward zero. A floating-point number out of range is undefined in C++ and left open by ONNX: here it wraps through
/// 64 bits, beyond those it is the nearest number that To has, and NaN is 0.
template <typename To, typename From>
To to_integer(From x) {
  if constexpr (std::is_floating_point_v<From>) {
    if constexpr (std::is_unsigned_v<To> && sizeof(To) == 8)
      if (x >= static_cast<From>(0x1p63) && x < static_cast<From>(0x1p64)) return static_cast<To>(x);
    if (!(std::fabs(x) < static_cast<From>(0x1p63)))
      return std::isnan(x) ? To(0) : x > 0 ? std::numeric_limits<To>::max() : std::numeric_limits<To>::min();
    return static_cast<To>(static_cast<int64_t>(x));
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace dunlin
