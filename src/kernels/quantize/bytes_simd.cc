#include "kernels/quantize/bytes_simd.h"

#include <algorithm>
#include <bit>

#include "kernels/simd/int8_output-inl.h"

#if HWY_TARGET == HWY_AVX3
#include <immintrin.h>
#endif

namespace dunlin::HWY_NAMESPACE {
namespace {

/// As Int8Store.
struct Rounding {
  float lo, hi;
  int32_t zero_point;
  explicit Rounding(const Int8Output& o) : lo(o.lo), hi(o.hi), zero_point(o.zero_point) {}
  uint8_t operator()(float v) const {
    constexpr float kNoFraction = 12582912;  // 1.5 * 2^23: a sum with it has no bits behind the point
    v = v < lo ? lo : v;
    v = v > hi ? hi : v;
    return static_cast<uint8_t>(std::bit_cast<int32_t>(v + kNoFraction) + zero_point);
  }
};

/// nearest(x / scale) of vectors, as bytes.
class Quantizer {
 public:
  explicit HWY_INLINE Quantizer(const ByteScale& to)
      : store_({.zero_point = to.zero_point}),
        scale_(constant(to.scale)),
        nan_(constant(static_cast<float>(-to.zero_point))),
        lo_(constant(static_cast<float>((to.is_signed ? -128 : 0) - to.zero_point))),
        hi_(constant(static_cast<float>((to.is_signed ? 127 : 255) - to.zero_point))) {}
  HWY_INLINE void store(VF x, uint8_t* y) const {
    const VF ratio = hn::Div(x, scale_);
    const VF number = hn::IfThenElse(hn::Eq(ratio, ratio), ratio, nan_);
    store_.store_bytes(hn::Min(hn::Max(number, lo_), hi_), y);
  }

 private:
  Int8Store store_;
  VF scale_, nan_, lo_, hi_;
};

void quantize(const float* x, const ByteScale& to, uint8_t* y, size_t n) {
  const Quantizer quantizer(to);
  const F32 d;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) quantizer.store(hn::LoadU(d, x + i), y + i);
  if (i == n) return;
  uint8_t rest[kLanes];
  quantizer.store(load_first(d, x + i, n - i), rest);
  std::memcpy(y + i, rest, n - i);
}

void quantize_interleaved(const float* x, size_t plane, const ByteScale& to, uint8_t* y, size_t pixels) {
  constexpr size_t kBlock = 256;
  const hn::ScalableTag<uint8_t> d;
  const size_t lanes = hn::Lanes(d);
  uint8_t part[3][kBlock];
  for (size_t first = 0; first < pixels; first += kBlock) {
    const size_t count = std::min(kBlock, pixels - first);
    for (size_t c = 0; c < 3; ++c) quantize(x + c * plane + first, to, part[c], count);
    uint8_t* out = y + first * 3;
    size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      hn::StoreInterleaved3(hn::LoadU(d, part[0] + i), hn::LoadU(d, part[1] + i), hn::LoadU(d, part[2] + i),
                            d, out + i * 3);
    }
    for (; i < count; ++i)
      for (size_t c = 0; c < 3; ++c) out[i * 3 + c] = part[c][i];
  }
}

#if HWY_TARGET == HWY_AVX3
__attribute__((target("avx512vbmi"))) size_t lookup_vbmi(const uint8_t* x, const uint8_t* table, uint8_t* y,
                                                         size_t n) {
  __m512i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + 64 * i);
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i index = _mm512_loadu_si512(x + i);
    const __m512i low = _mm512_permutex2var_epi8(part[0], index, part[1]),
                  high = _mm512_permutex2var_epi8(part[2], index, part[3]);
    _mm512_storeu_si512(y + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high));
  }
  return i;
}
#endif

void lookup(const uint8_t* x, const uint8_t* table, uint8_t* y, size_t n) {
  size_t i = 0;
#if HWY_TARGET == HWY_AVX3
  if (__builtin_cpu_supports("avx512vbmi")) i = lookup_vbmi(x, table, y, n);
#endif
  for (; i < n; ++i) y[i] = table[x[i]];
}

template <typename A, typename B>
void binary_of(BytesBinary op, BytesRows rows, const BytesOperand& a, const BytesOperand& b,
               const Rounding& round, uint8_t* HWY_RESTRICT y) {
  const A* HWY_RESTRICT pa = static_cast<const A*>(a.data);
  const B* HWY_RESTRICT pb = static_cast<const B*>(b.data);
  const int32_t za = a.zero_point, zb = b.zero_point;
  const float sa = a.scale, sb = b.scale;
  const Rounding r = round;
  const size_t n = rows.channels;
  for (; rows.rows > 0; --rows.rows, pa += n, pb += rows.b_step, y += n) {
    if (op == BytesBinary::kAdd) {
      for (size_t i = 0; i < n; ++i) {
        const float va = static_cast<float>(int32_t{pa[i]} - za) * sa,
                    vb = static_cast<float>(int32_t{pb[i]} - zb) * sb;
        y[i] = r(va + vb);
      }
    } else {
      for (size_t i = 0; i < n; ++i)
        y[i] = r(static_cast<float>((int32_t{pa[i]} - za) * (int32_t{pb[i]} - zb)) * sa);
    }
  }
}

void binary(BytesBinary op, const BytesRows& rows, const BytesOperand& a, const BytesOperand& b,
            const Int8Output& output, uint8_t* y) {
  const Rounding round(output);
  if (a.is_signed && b.is_signed) return binary_of<int8_t, int8_t>(op, rows, a, b, round, y);
  if (a.is_signed) return binary_of<int8_t, uint8_t>(op, rows, a, b, round, y);
  if (b.is_signed) return binary_of<uint8_t, int8_t>(op, rows, a, b, round, y);
  binary_of<uint8_t, uint8_t>(op, rows, a, b, round, y);
}

template <typename T>
void add_rows_of(const T* x, size_t rows, size_t stride, size_t c, int32_t* HWY_RESTRICT sums) {
  for (; rows > 0; --rows, x += stride)
    for (size_t i = 0; i < c; ++i) sums[i] += int32_t{x[i]};
}
void add_rows(const void* x, bool is_signed, size_t rows, size_t stride, size_t c, int32_t* sums) {
  if (is_signed) return add_rows_of(static_cast<const int8_t*>(x), rows, stride, c, sums);
  add_rows_of(static_cast<const uint8_t*>(x), rows, stride, c, sums);
}

void scale(const int32_t* sums, float scale, const Int8Output& output, uint8_t* y, size_t n) {
  const Rounding round(output);
  for (size_t i = 0; i < n; ++i) y[i] = round(static_cast<float>(sums[i]) * scale);
}

template <typename T>
void take_larger_of(const T* HWY_RESTRICT x, T* HWY_RESTRICT y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = std::max(y[i], x[i]);
}
void take_larger(const void* x, bool is_signed, void* y, size_t n) {
  if (is_signed) return take_larger_of(static_cast<const int8_t*>(x), static_cast<int8_t*>(y), n);
  take_larger_of(static_cast<const uint8_t*>(x), static_cast<uint8_t*>(y), n);
}

}  // namespace

constexpr BytesTable bytes_table{quantize, quantize_interleaved, lookup, binary, add_rows,
                                 scale,    take_larger};

}  // namespace dunlin::HWY_NAMESPACE
