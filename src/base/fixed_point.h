// The integer code of updates: a float becomes a whole multiple of a step, so that sums are exact.
//
// A code of `bits` b and `range` R (a power of two) covers [-R, R] with step R / (2^(b-1) - 1) in two's
// complement:
//   code = round(clip(x, -R, R) / step)          in [-(2^(b-1) - 1), 2^(b-1) - 1]
// The most negative integer stands for "not a number", which a sum must never meet. Codes are stored
// little-endian in b / 8 bytes. An accumulator is int64 and takes weight * code: integer sums do not depend
// on the order of arrival, so a fold over any order, any grouping, or modulo 2^m (secure aggregation) gives
// the same bits.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace dunlin {

struct FixedPoint {
  int bits = 24;     // 8, 16, 24 or 32
  double range = 4;  // > 0

  int64_t max_code() const { return (int64_t{1} << (bits - 1)) - 1; }
  double step() const { return range / static_cast<double>(max_code()); }
  size_t bytes(size_t count) const { return count * static_cast<size_t>(bits / 8); }
};

/// The widest code (32, 24, 16 or 8 bits, at most `wanted`) with which `max_weight_sum` (the sum of all
/// weights that can ever meet in one accumulator) cannot overflow an int64. Throws kInvalidArgument when not
/// even 8 bits do.
int widest_code_bits(int wanted, uint64_t max_weight_sum);

/// Throws kInvalidArgument unless bits and range are usable.
void check(const FixedPoint& code);

struct EncodeResult {
  uint64_t clipped = 0;     // values outside the range
  uint64_t not_finite = 0;  // NaN or infinity, coded as "not a number"
};

/// Rounds to the nearest code, ties to even. `out` holds code.bytes(values.size()) bytes.
EncodeResult encode_nearest(const FixedPoint& code, std::span<const float> values, std::span<std::byte> out);

/// Whether no code is "not a number".
bool all_finite(const FixedPoint& code, ByteSpan codes);

/// accumulator[i] += weight * code i. codes holds code.bytes(accumulator.size()) bytes.
void fold(const FixedPoint& code, ByteSpan codes, int64_t weight, std::span<int64_t> accumulator);

/// out[i] = accumulator[i] * (step / weight_sum) in double, then rounded to float. weight_sum > 0.
void decode_mean(const FixedPoint& code, std::span<const int64_t> accumulator, uint64_t weight_sum,
                 std::span<float> out);

}  // namespace dunlin
