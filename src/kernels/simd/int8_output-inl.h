// Int8Output on vectors of sums: the same bits on every level, since no two steps can be fused into one.
#pragma once

#include "kernels/int8_output.h"
#include "kernels/simd/math-inl.h"

namespace dunlin::HWY_NAMESPACE {

class Int8Store {
 public:
  explicit HWY_INLINE Int8Store(const Int8Output& o)
      : lo_(constant(o.lo)), hi_(constant(o.hi)), zero_(hn::Set(I32(), o.zero_point)) {}

  HWY_INLINE VF scaled(VI sum, VF scale) const {
    return hn::Min(hn::Max(hn::Mul(hn::ConvertTo(F32(), sum), scale), lo_), hi_);
  }
  /// `value`, within [lo, hi], rounded: the byte is the lowest of the lane.
  HWY_INLINE hn::Vec<hn::RebindToUnsigned<I32>> rounded(VF value) const {
    constexpr float kNoFraction = 12582912;  // 1.5 * 2^23: a sum with it has no bits behind the point
    const VI whole = hn::Add(hn::BitCast(I32(), hn::Add(value, constant(kNoFraction))), zero_);
    return hn::BitCast(hn::RebindToUnsigned<I32>(), whole);
  }
  HWY_INLINE void store_bytes(VF value, uint8_t* to) const {
    const hn::Rebind<uint8_t, I32> bytes;
    hn::StoreU(hn::TruncateTo(bytes, rounded(value)), bytes, to);
  }
  template <Int8Output::Kind kKind>
  HWY_INLINE void store(VI sum, const float* scale, std::byte* to, ptrdiff_t index) const {
    const F32 d;
    if constexpr (kKind == Int8Output::Kind::kByte)
      store_bytes(scaled(sum, hn::LoadU(d, scale)), reinterpret_cast<uint8_t*>(to) + index);
    if constexpr (kKind == Int8Output::Kind::kFloat)
      hn::StoreU(scaled(sum, hn::LoadU(d, scale)), d, reinterpret_cast<float*>(to) + index);
    if constexpr (kKind == Int8Output::Kind::kInt32)
      hn::StoreU(sum, I32(), reinterpret_cast<int32_t*>(to) + index);
  }

 private:
  VF lo_, hi_;
  VI zero_;
};

/// Calls run(std::integral_constant<Int8Output::Kind, ...>) for the kind of `o`.
template <typename Run>
HWY_INLINE void with_int8_output(const Int8Output& o, const Run& run) {
  using Kind = Int8Output::Kind;
  if (o.kind == Kind::kByte) return run(std::integral_constant<Kind, Kind::kByte>());
  if (o.kind == Kind::kFloat) return run(std::integral_constant<Kind, Kind::kFloat>());
  run(std::integral_constant<Kind, Kind::kInt32>());
}

}  // namespace dunlin::HWY_NAMESPACE
