#include "base/fixed_point.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace dunlin {

namespace {

// Little-endian integers of kBytes bytes. Reading one past a 24-bit code would leave the buffer, hence three
// loads.
template <int kBytes>
inline int32_t load_code(const std::byte* p) {
  if constexpr (kBytes == 1) return static_cast<int8_t>(load_le<uint8_t>(p));
  if constexpr (kBytes == 2) return load_le<int16_t>(p);
  if constexpr (kBytes == 3)
    return static_cast<int32_t>(load_le<uint16_t>(p)) |
           (static_cast<int32_t>(load_le<int8_t>(p + 2)) * 65536);
  if constexpr (kBytes == 4) return load_le<int32_t>(p);
}

template <int kBytes>
inline void store_code(std::byte* p, int32_t v) {
  std::memcpy(p, &v, kBytes);  // little-endian: the low bytes come first
}

// Calls f with the code's size in bytes as a constant, so that inner loops know it.
template <typename F>
auto with_bytes(const FixedPoint& code, F&& f) {
  switch (code.bits) {
    case 8:
      return f(std::integral_constant<int, 1>());
    case 16:
      return f(std::integral_constant<int, 2>());
    case 24:
      return f(std::integral_constant<int, 3>());
    default:
      return f(std::integral_constant<int, 4>());
  }
}

// Values are handled in blocks small enough for the first-level cache: to integers first, then packed.
constexpr size_t kBlock = 1024;

template <typename Round>
EncodeResult encode(const FixedPoint& code, std::span<const float> values, std::span<std::byte> out,
                    Round round) {
  check(code);
  DUNLIN_CHECK(out.size() == code.bytes(values.size()));
  const double limit = static_cast<double>(code.max_code()), scale = limit / code.range;
  const int32_t nan_code = static_cast<int32_t>(-code.max_code() - 1);
  EncodeResult result;
  with_bytes(code, [&](auto bytes) {
    for (size_t begin = 0; begin < values.size(); begin += kBlock) {
      const size_t n = std::min(kBlock, values.size() - begin);
      const float* x = values.data() + begin;
      int32_t block[kBlock];
      uint32_t clipped = 0, not_finite = 0;
      for (size_t i = 0; i < n; ++i) {
        const uint32_t is_nan = (std::bit_cast<uint32_t>(x[i]) & 0x7f800000u) == 0x7f800000u;
        const double v = static_cast<double>(x[i]) * scale;
        const double low = v < -limit ? -limit : v, clip = low > limit ? limit : low;
        clipped += (v != clip) & (is_nan ^ 1u);
        not_finite += is_nan;
        const int32_t rounded = round(is_nan ? 0.0 : clip, begin + i);
        block[i] = is_nan ? nan_code : rounded;
      }
      result.clipped += clipped;
      result.not_finite += not_finite;
      std::byte* p = out.data() + begin * bytes;
      for (size_t i = 0; i < n; ++i) store_code<bytes>(p + i * bytes, block[i]);
    }
  });
  return result;
}

}  // namespace

int widest_code_bits(int wanted, uint64_t max_weight_sum) {
  for (int bits : {32, 24, 16, 8}) {
    if (bits > wanted) continue;
    const uint64_t max_code = (uint64_t{1} << (bits - 1)) - 1;
    if (max_weight_sum <= static_cast<uint64_t>(INT64_MAX) / max_code) return bits;
  }
  fail(ErrorCode::kInvalidArgument,
       "fixed point: codes of {} bits with weights up to {} in sum overflow 64 bits", wanted, max_weight_sum);
}

void check(const FixedPoint& code) {
  if (code.bits != 8 && code.bits != 16 && code.bits != 24 && code.bits != 32)
    fail(ErrorCode::kInvalidArgument, "fixed point: {} bits, expected 8, 16, 24 or 32", code.bits);
  if (!(code.range > 0) || !std::isfinite(code.range))
    fail(ErrorCode::kInvalidArgument, "fixed point: range {}, expected a positive number", code.range);
}

EncodeResult encode_nearest(const FixedPoint& code, std::span<const float> values, std::span<std::byte> out) {
  // Adding 1.5 * 2^52 leaves the rounded integer in the low bits of the double: nearest even, and it
  // vectorises.
  return encode(code, values, out, [](double v, size_t) {
    return static_cast<int32_t>(static_cast<uint32_t>(std::bit_cast<uint64_t>(v + 6755399441055744.0)));
  });
}

bool all_finite(const FixedPoint& code, ByteSpan codes) {
  const int32_t nan_code = static_cast<int32_t>(-code.max_code() - 1);
  return with_bytes(code, [&](auto bytes) {
    uint32_t found = 0;
    for (size_t i = 0, n = codes.size() / bytes; i < n; ++i)
      found |= load_code<bytes>(codes.data() + i * bytes) == nan_code;
    return found == 0;
  });
}

void fold(const FixedPoint& code, ByteSpan codes, int64_t weight, std::span<int64_t> accumulator) {
  DUNLIN_CHECK(codes.size() == code.bytes(accumulator.size()));
  with_bytes(code, [&](auto bytes) {
    for (size_t begin = 0; begin < accumulator.size(); begin += kBlock) {
      const size_t n = std::min(kBlock, accumulator.size() - begin);
      const std::byte* p = codes.data() + begin * bytes;
      int64_t* sum = accumulator.data() + begin;
      for (size_t i = 0; i < n; ++i) sum[i] += weight * load_code<bytes>(p + i * bytes);
    }
  });
}

void decode_mean(const FixedPoint& code, std::span<const int64_t> accumulator, uint64_t weight_sum,
                 std::span<float> out) {
  DUNLIN_CHECK(weight_sum > 0 && out.size() == accumulator.size());
  const double scale = code.step() / static_cast<double>(weight_sum);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(static_cast<double>(accumulator[i]) * scale);
}

}  // namespace dunlin
