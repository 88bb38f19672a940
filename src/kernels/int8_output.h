// What an integer kernel makes of its sums before they are stored.
#pragma once

#include <cstdint>

namespace dunlin {

/// Bytes: the sum, as a float, times the channel's scale, kept within [lo, hi], rounded to nearest even, plus
/// `zero_point`, cut to 8 bits; lo and hi lie within [-2^20, 2^20]. Floats: the same product, kept within
/// [lo, hi]. Integers: the sum itself.
struct Int8Output {
  enum class Kind : uint8_t { kByte, kFloat, kInt32 };
  Kind kind = Kind::kByte;
  float lo = 0, hi = 0;
  int32_t zero_point = 0;

  constexpr size_t element_bytes() const { return kind == Kind::kByte ? 1 : 4; }
};

}  // namespace dunlin
