#include "kernels/depthwise/int8_depthwise_simd.h"

#include <algorithm>

#include "kernels/simd/int8_dot-inl.h"
#include "kernels/simd/int8_output-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

/// The source rows of an output row, a multiple of four; rows in the padding are one pixel, read again and
/// again. Rows that only fill a group up have weights of zero.
struct Rows {
  const uint8_t* row[kInt8DepthwiseMaxGroups * 4];
  size_t step[kInt8DepthwiseMaxGroups * 4];  ///< bytes from pixel to pixel: c, or 0
  size_t groups;
};
Rows rows_of(const Int8DepthwiseCall& call, size_t index) {
  const DepthwiseDims& d = *call.dims;
  const uint8_t* image = call.x + index / d.out_h * d.h * d.w * d.c;
  Rows rows;
  rows.groups = (d.kernel_h + 3) / 4;
  for (size_t k = 0; k < rows.groups * 4; ++k) {
    const size_t at = index % d.out_h * d.stride_h + k * d.dilation_h;
    const bool inside = k < d.kernel_h && at >= d.pad_top && at - d.pad_top < d.h;
    rows.row[k] = inside ? image + (at - d.pad_top) * d.w * d.c : call.padding;
    rows.step[k] = inside ? d.c : 0;
  }
  return rows;
}

#if HWY_TARGET == HWY_SCALAR
constexpr size_t kBlock = 16;

void run_row(const Int8DepthwiseCall& call, const Rows& rows, uint8_t* out) {
  const DepthwiseDims& d = *call.dims;
  const Int8Store store(call.output);
  for (size_t x = 0; x < d.out_w; ++x) {
    for (size_t c = 0; c < d.c; ++c) {
      const size_t block = c / kBlock, in_block = c % kBlock;
      const int8_t* w = call.weights + block * rows.groups * d.kernel_w * 4 * kBlock + in_block * 4;
      int32_t sum = call.bias[block * kBlock + in_block];
      for (size_t k = 0; k < rows.groups * 4; ++k) {
        for (size_t j = 0; j < d.kernel_w; ++j) {
          const size_t at = x * d.stride_w + j * d.dilation_w;
          const bool inside = at >= d.pad_left && at - d.pad_left < d.w;
          const uint8_t v = inside ? rows.row[k][(at - d.pad_left) * rows.step[k] + c] : call.padding[c];
          sum += int32_t{v} * int32_t{w[(k / 4 * d.kernel_w + j) * 4 * kBlock + k % 4]};
        }
      }
      const VF scale = hn::Set(F32(), call.scale[block * kBlock + in_block]);
      store.store_bytes(store.scaled(hn::Set(I32(), sum), scale), out + x * d.c + c);
    }
  }
}
#else
using U8 = hn::Repartition<uint8_t, I32>;
using VB = hn::Vec<U8>;
constexpr size_t kBlock = hn::MaxLanes(U8());
constexpr size_t kQuads = 4 * kBlock;  // bytes of weights for one column and group

template <bool kWhole>
HWY_INLINE VB load_pixel(const uint8_t* p, size_t count) {
  const U8 d;
  if constexpr (kWhole) return hn::LoadU(d, p);
#if HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN uint8_t bytes[kBlock] = {};
  std::memcpy(bytes, p, count);
  return hn::Load(d, bytes);
#endif
}

template <bool kWhole>
HWY_INLINE void store_pixel(VB v, uint8_t* p, size_t count) {
  const U8 d;
  if constexpr (kWhole) return hn::StoreU(v, d, p);
#if HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN uint8_t bytes[kBlock];
  hn::Store(v, d, bytes);
  std::memcpy(p, bytes, count);
#endif
}

/// Four pixels under one another, interleaved.
template <bool kWhole>
HWY_INLINE void load_column(const uint8_t* const (&p)[4], size_t count, Quad (&quads)[4]) {
  const U8 d;
  const hn::Repartition<uint16_t, I32> words;
  const VB a = load_pixel<kWhole>(p[0], count), b = load_pixel<kWhole>(p[1], count),
           e = load_pixel<kWhole>(p[2], count), f = load_pixel<kWhole>(p[3], count);
  const auto low_ab = hn::BitCast(words, hn::InterleaveLower(d, a, b)),
             low_ef = hn::BitCast(words, hn::InterleaveLower(d, e, f)),
             high_ab = hn::BitCast(words, hn::InterleaveUpper(d, a, b)),
             high_ef = hn::BitCast(words, hn::InterleaveUpper(d, e, f));
  const auto quad = [](auto v) HWY_ATTR { return quad_of_lanes(hn::BitCast(I32(), v)); };
  quads[0] = quad(hn::InterleaveLower(words, low_ab, low_ef));
  quads[1] = quad(hn::InterleaveUpper(words, low_ab, low_ef));
  quads[2] = quad(hn::InterleaveLower(words, high_ab, high_ef));
  quads[3] = quad(hn::InterleaveUpper(words, high_ab, high_ef));
}

/// Lowest bytes of the lanes of four vectors, in the order of channels: interleaving undone.
HWY_INLINE VB join_bytes(const hn::Vec<hn::RebindToUnsigned<I32> > (&v)[4]) {
#if HWY_TARGET == HWY_AVX3
  const __m512i mask = _mm512_set1_epi32(0xff);
  const auto pair = [mask](__m512i a, __m512i b) HWY_ATTR {
    return _mm512_packus_epi32(_mm512_and_si512(a, mask), _mm512_and_si512(b, mask));
  };
  return VB{_mm512_packus_epi16(pair(v[0].raw, v[1].raw), pair(v[2].raw, v[3].raw))};
#elif HWY_TARGET == HWY_AVX2
  const __m256i mask = _mm256_set1_epi32(0xff);
  const auto pair = [mask](__m256i a, __m256i b) HWY_ATTR {
    return _mm256_packus_epi32(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask));
  };
  return VB{_mm256_packus_epi16(pair(v[0].raw, v[1].raw), pair(v[2].raw, v[3].raw))};
#else
  const auto pair = [](uint32x4_t a, uint32x4_t b) { return vcombine_u16(vmovn_u32(a), vmovn_u32(b)); };
  return VB(vcombine_u8(vmovn_u16(pair(v[0].raw, v[1].raw)), vmovn_u16(pair(v[2].raw, v[3].raw))));
#endif
}

/// A block of channels of an output row.
struct Block {
  const Int8Store& store;
  const int8_t* weights;
  const int32_t* bias;
  const float* scale;
  size_t first, count;  ///< channels

  template <size_t kPixels>
  HWY_INLINE void begin(VI (&sum)[kPixels][4]) const {
    HWY_UNROLL(4) for (size_t v = 0; v < 4; ++v) {
      sum[0][v] = hn::LoadU(I32(), bias + v * kLanes);
      HWY_UNROLL(8) for (size_t p = 1; p < kPixels; ++p) sum[p][v] = sum[0][v];
    }
  }
  template <bool kWhole>
  HWY_INLINE void finish(const VI (&sum)[4], uint8_t* out) const {
    hn::Vec<hn::RebindToUnsigned<I32> > bytes[4];
    HWY_UNROLL(4) for (size_t v = 0; v < 4; ++v) {
      bytes[v] = store.rounded(store.scaled(sum[v], hn::LoadU(F32(), scale + v * kLanes)));
    }
    store_pixel<kWhole>(join_bytes(bytes), out + first, count);
  }
};

/// kPixels neighbouring pixels with every column inside the image: each column is interleaved once.
template <bool kWhole, size_t kKernelW, size_t kStride, size_t kPixels>
HWY_INLINE void run_tile(const Block& b, const Rows& rows, size_t column, size_t c, uint8_t* out) {
  constexpr size_t kColumns = (kPixels - 1) * kStride + kKernelW;
  VI sum[kPixels][4];
  b.begin(sum);
  for (size_t g = 0; g < rows.groups; ++g) {
    const int8_t* weights = b.weights + g * kKernelW * kQuads;
    const uint8_t* p[4];
    for (size_t k = 0; k < 4; ++k) p[k] = rows.row[4 * g + k] + column * rows.step[4 * g + k] + b.first;
    HWY_UNROLL(16) for (size_t j = 0; j < kColumns; ++j) {
      Quad quads[4];
      load_column<kWhole>(p, b.count, quads);
      HWY_UNROLL(4) for (size_t k = 0; k < 4; ++k) p[k] += rows.step[4 * g + k];
      HWY_UNROLL(8) for (size_t at = 0; at < kPixels; ++at) {
        if (at * kStride <= j && j < at * kStride + kKernelW) {
          const int8_t* w = weights + (j - at * kStride) * kQuads;
          HWY_UNROLL(4) for (size_t v = 0; v < 4; ++v) {
            sum[at][v] = add_quad(sum[at][v], quads[v], load_quads(w + v * kBlock));
          }
        }
      }
    }
  }
  HWY_UNROLL(8) for (size_t at = 0; at < kPixels; ++at) b.finish<kWhole>(sum[at], out + at * c);
}

/// Any pixel of any kernel.
template <bool kWhole>
void run_pixel(const Block& b, const Int8DepthwiseCall& call, const Rows& rows, size_t x, uint8_t* out) {
  const DepthwiseDims& d = *call.dims;
  VI sum[1][4];
  b.begin(sum);
  for (size_t g = 0; g < rows.groups; ++g) {
    for (size_t j = 0; j < d.kernel_w; ++j) {
      const size_t at = x * d.stride_w + j * d.dilation_w;
      const bool inside = at >= d.pad_left && at - d.pad_left < d.w;
      const uint8_t* p[4];
      for (size_t k = 0; k < 4; ++k) {
        const size_t row = 4 * g + k;
        p[k] = (inside ? rows.row[row] + (at - d.pad_left) * rows.step[row] : call.padding) + b.first;
      }
      Quad quads[4];
      load_column<kWhole>(p, b.count, quads);
      const int8_t* w = b.weights + (g * d.kernel_w + j) * kQuads;
      for (size_t v = 0; v < 4; ++v) sum[0][v] = add_quad(sum[0][v], quads[v], load_quads(w + v * kBlock));
    }
  }
  b.finish<kWhole>(sum[0], out);
}

#if HWY_TARGET == HWY_AVX3
constexpr size_t kTilePixels = 4;
#else
constexpr size_t kTilePixels = 1;
#endif

template <bool kWhole, size_t kKernelW, size_t kStride>
void run_block(const Block& b, const Int8DepthwiseCall& call, const Rows& rows, uint8_t* out) {
  const DepthwiseDims& d = *call.dims;
  size_t x = 0;
  if constexpr (kKernelW > 0) {
    // Output columns [begin, end) have every tap inside the image.
    const size_t begin = std::min(d.out_w, (d.pad_left + kStride - 1) / kStride);
    const size_t reach = d.w + d.pad_left;
    const size_t end = reach < kKernelW ? 0 : std::min(d.out_w, (reach - kKernelW) / kStride + 1);
    for (; x < begin; ++x) run_pixel<kWhole>(b, call, rows, x, out + x * d.c);
    for (; x + kTilePixels <= end; x += kTilePixels)
      run_tile<kWhole, kKernelW, kStride, kTilePixels>(b, rows, x * kStride - d.pad_left, d.c, out + x * d.c);
    if constexpr (kTilePixels > 1) {
      for (; x < end; ++x)
        run_tile<kWhole, kKernelW, kStride, 1>(b, rows, x * kStride - d.pad_left, d.c, out + x * d.c);
    }
  }
  for (; x < d.out_w; ++x) run_pixel<kWhole>(b, call, rows, x, out + x * d.c);
}

template <size_t kKernelW, size_t kStride>
void run_blocks(const Int8DepthwiseCall& call, const Int8Store& store, const Rows& rows, uint8_t* out) {
  const DepthwiseDims& d = *call.dims;
  for (size_t first = 0; first < d.c; first += kBlock) {
    const Block b{store,
                  call.weights + first * 4 * rows.groups * d.kernel_w,
                  call.bias + first,
                  call.scale + first,
                  first,
                  std::min(kBlock, d.c - first)};
    if (b.count == kBlock)
      run_block<true, kKernelW, kStride>(b, call, rows, out);
    else
      run_block<false, kKernelW, kStride>(b, call, rows, out);
  }
}

void run_row(const Int8DepthwiseCall& call, const Rows& rows, uint8_t* out) {
  const DepthwiseDims& d = *call.dims;
  const Int8Store store(call.output);
  const size_t stride = d.dilation_w == 1 ? d.stride_w : 0;
  if (d.kernel_w == 3 && stride == 1) return run_blocks<3, 1>(call, store, rows, out);
  if (d.kernel_w == 3 && stride == 2) return run_blocks<3, 2>(call, store, rows, out);
  if (d.kernel_w == 5 && stride == 1) return run_blocks<5, 1>(call, store, rows, out);
  if (d.kernel_w == 5 && stride == 2) return run_blocks<5, 2>(call, store, rows, out);
  run_blocks<0, 0>(call, store, rows, out);
}
#endif

void run_rows(const Int8DepthwiseCall& call, size_t begin, size_t end) {
  for (size_t r = begin; r < end; ++r)
    run_row(call, rows_of(call, r), call.y + r * call.dims->out_w * call.dims->c);
}

}  // namespace

constexpr Int8DepthwiseTable int8_depthwise_table{kBlock, run_rows};

}  // namespace dunlin::HWY_NAMESPACE
