#include "kernels/depthwise/depthwise_simd.h"

#include "kernels/simd/activation-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

/// kPixels neighbouring destination pixels over all channels, every column tap inside the source: each source
/// vector is loaded once and used by up to kKernelW pixels.
template <size_t kKernelW, size_t kStride, size_t kPixels>
HWY_INLINE void gather_tile(const DepthwiseGather& g, const float* image, size_t y, size_t x, float* out,
                            VF lo, VF hi) {
  constexpr size_t kColumns = (kPixels - 1) * kStride + kKernelW;
  const size_t c = g.c;
  const DepthwiseTap* tap_begin = g.rows.taps + g.rows.begin[y];
  const DepthwiseTap* tap_end = g.rows.taps + g.rows.begin[y + 1];
  const float* columns = image + (static_cast<ptrdiff_t>(x * kStride) + g.first) * static_cast<ptrdiff_t>(c);
  const float* weights = g.flipped ? g.weight + (kKernelW - 1) * c : g.weight;
  const ptrdiff_t weight_step = g.flipped ? -static_cast<ptrdiff_t>(c) : static_cast<ptrdiff_t>(c);
  for_lanes(c, [&](size_t i, auto load, auto store) {
    VF sum[kPixels];
    const VF bias = g.epilogue.bias ? load(g.epilogue.bias + i) : constant(0);
    for (VF& s : sum) s = bias;
    for (const DepthwiseTap* tap = tap_begin; tap != tap_end; ++tap) {
      const float* row = columns + tap->source * g.source_w * c + i;
      const float* w = weights + tap->k * kKernelW * c + i;
      VF weight[kKernelW];
      HWY_UNROLL(8)
      for (size_t k = 0; k < kKernelW; ++k) weight[k] = load(w + static_cast<ptrdiff_t>(k) * weight_step);
      HWY_UNROLL(32) for (size_t j = 0; j < kColumns; ++j) {
        const VF v = load(row + j * c);
        HWY_UNROLL(8) for (size_t p = 0; p < kPixels; ++p) {
          if (p * kStride <= j && j < p * kStride + kKernelW) {
            sum[p] = hn::MulAdd(v, weight[j - p * kStride], sum[p]);
          }
        }
      }
    }
    for (size_t p = 0; p < kPixels; ++p) store(at_most(at_least(sum[p], lo), hi), out + p * c + i);
  });
}

/// One destination pixel with whatever taps it has.
void gather_pixel(const DepthwiseGather& g, const float* image, size_t y, size_t x, float* out, VF lo,
                  VF hi) {
  const size_t c = g.c;
  const DepthwiseTap *y_begin = g.rows.taps + g.rows.begin[y], *y_end = g.rows.taps + g.rows.begin[y + 1];
  const DepthwiseTap *x_begin = g.columns.taps + g.columns.begin[x],
                     *x_end = g.columns.taps + g.columns.begin[x + 1];
  for_lanes(c, [&](size_t i, auto load, auto store) {
    VF sum = g.epilogue.bias ? load(g.epilogue.bias + i) : constant(0);
    for (const DepthwiseTap* ty = y_begin; ty != y_end; ++ty) {
      const float* row = image + ty->source * g.source_w * c + i;
      const float* w = g.weight + ty->k * g.kernel_w * c + i;
      for (const DepthwiseTap* tx = x_begin; tx != x_end; ++tx) {
        sum = hn::MulAdd(load(row + tx->source * c), load(w + tx->k * c), sum);
      }
    }
    store(at_most(at_least(sum, lo), hi), out + i);
  });
}

template <size_t kKernelW, size_t kStride>
void gather_row(const DepthwiseGather& g, const float* image, size_t y, float* out, VF lo, VF hi) {
  for (size_t x = 0; x < g.interior_begin; ++x) gather_pixel(g, image, y, x, out + x * g.c, lo, hi);
  size_t x = g.interior_begin;
  for (; x + 8 <= g.interior_end; x += 8) {
    gather_tile<kKernelW, kStride, 8>(g, image, y, x, out + x * g.c, lo, hi);
  }
  for (; x + 4 <= g.interior_end; x += 4) {
    gather_tile<kKernelW, kStride, 4>(g, image, y, x, out + x * g.c, lo, hi);
  }
  for (; x < g.interior_end; ++x) gather_tile<kKernelW, kStride, 1>(g, image, y, x, out + x * g.c, lo, hi);
  for (; x < g.w; ++x) gather_pixel(g, image, y, x, out + x * g.c, lo, hi);
}

void gather_row_any(const DepthwiseGather& g, const float* image, size_t y, float* out, VF lo, VF hi) {
  for (size_t x = 0; x < g.w; ++x) gather_pixel(g, image, y, x, out + x * g.c, lo, hi);
}

/// Residual and activations other than a clip, on a row that has just been written.
void finish_row(const Epilogue& e, const float* residual, size_t w, size_t c, float* out) {
  with_activation(e.activation, [&](auto act) {
    for (size_t x = 0; x < w; ++x) {
      float* pixel = out + x * c;
      const float* added = residual ? residual + static_cast<ptrdiff_t>(x) * e.residual_stride : nullptr;
      for_lanes(c, [&](size_t i, auto load, auto store) {
        VF v = load(pixel + i);
        if (added) v = hn::Add(v, load(added + i));
        store(act.apply(v), pixel + i);
      });
    }
  });
}

void gather(const DepthwiseGather& g, size_t begin, size_t end) {
  const Epilogue& e = g.epilogue;
  const bool clips = e.activation.kind == ActivationKind::kClip && e.residual == nullptr;
  const bool plain = e.activation.kind == ActivationKind::kNone && e.residual == nullptr;
  const VF lo = constant(clips ? e.activation.a : -HUGE_VALF),
           hi = constant(clips ? e.activation.b : HUGE_VALF);
  auto* row = &gather_row_any;
  if (g.kernel_w == 3 && g.stride == 1) row = &gather_row<3, 1>;
  if (g.kernel_w == 3 && g.stride == 2) row = &gather_row<3, 2>;
  if (g.kernel_w == 5 && g.stride == 1) row = &gather_row<5, 1>;
  if (g.kernel_w == 5 && g.stride == 2) row = &gather_row<5, 2>;
  for (size_t r = begin; r < end; ++r) {
    const float* image = g.source + r / g.h * g.source_h * g.source_w * g.c;
    float* out = g.destination + r * g.w * g.c;
    row(g, image, r % g.h, out, lo, hi);
    if (!clips && !plain) {
      const float* residual =
          e.residual ? e.residual + static_cast<ptrdiff_t>(r * g.w) * e.residual_stride : nullptr;
      finish_row(e, residual, g.w, g.c, out);
    }
  }
}

template <size_t kKernelW, size_t kStride, size_t kPixels>
HWY_INLINE void weight_tile(const DepthwiseWeightGradient& g, const float* image, const float* dy_row,
                            size_t y, size_t x, float* dweight) {
  constexpr size_t kColumns = (kPixels - 1) * kStride + kKernelW;
  const size_t c = g.c;
  const DepthwiseTap* tap_begin = g.rows.taps + g.rows.begin[y];
  const DepthwiseTap* tap_end = g.rows.taps + g.rows.begin[y + 1];
  const float* columns = image + (static_cast<ptrdiff_t>(x * kStride) + g.first) * static_cast<ptrdiff_t>(c);
  for_lanes(c, [&](size_t i, auto load, auto store) {
    VF dy[kPixels];
    HWY_UNROLL(8) for (size_t p = 0; p < kPixels; ++p) dy[p] = load(dy_row + (x + p) * c + i);
    for (const DepthwiseTap* tap = tap_begin; tap != tap_end; ++tap) {
      const float* row = columns + tap->source * g.w * c + i;
      float* w = dweight + tap->k * kKernelW * c + i;
      VF sum[kKernelW];
      HWY_UNROLL(8) for (size_t k = 0; k < kKernelW; ++k) sum[k] = load(w + k * c);
      HWY_UNROLL(32) for (size_t j = 0; j < kColumns; ++j) {
        const VF v = load(row + j * c);
        HWY_UNROLL(8) for (size_t p = 0; p < kPixels; ++p) {
          if (p * kStride <= j && j < p * kStride + kKernelW) {
            sum[j - p * kStride] = hn::MulAdd(v, dy[p], sum[j - p * kStride]);
          }
        }
      }
      HWY_UNROLL(8) for (size_t k = 0; k < kKernelW; ++k) store(sum[k], w + k * c);
    }
  });
}

void weight_pixel(const DepthwiseWeightGradient& g, const float* image, const float* dy_row, size_t y,
                  size_t x, float* dweight) {
  const size_t c = g.c;
  const DepthwiseTap *y_begin = g.rows.taps + g.rows.begin[y], *y_end = g.rows.taps + g.rows.begin[y + 1];
  const DepthwiseTap *x_begin = g.columns.taps + g.columns.begin[x],
                     *x_end = g.columns.taps + g.columns.begin[x + 1];
  for_lanes(c, [&](size_t i, auto load, auto store) {
    const VF dy = load(dy_row + x * c + i);
    for (const DepthwiseTap* ty = y_begin; ty != y_end; ++ty) {
      const float* row = image + ty->source * g.w * c + i;
      float* w_row = dweight + ty->k * g.kernel_w * c + i;
      for (const DepthwiseTap* tx = x_begin; tx != x_end; ++tx) {
        float* w = w_row + tx->k * c;
        store(hn::MulAdd(load(row + tx->source * c), dy, load(w)), w);
      }
    }
  });
}

template <size_t kKernelW, size_t kStride>
void weight_row(const DepthwiseWeightGradient& g, const float* image, const float* dy_row, size_t y,
                float* dweight) {
  size_t x = 0;
  for (; x < g.interior_begin; ++x) weight_pixel(g, image, dy_row, y, x, dweight);
  for (; x + 8 <= g.interior_end; x += 8) weight_tile<kKernelW, kStride, 8>(g, image, dy_row, y, x, dweight);
  for (; x + 4 <= g.interior_end; x += 4) weight_tile<kKernelW, kStride, 4>(g, image, dy_row, y, x, dweight);
  for (; x < g.interior_end; ++x) weight_tile<kKernelW, kStride, 1>(g, image, dy_row, y, x, dweight);
  for (; x < g.out_w; ++x) weight_pixel(g, image, dy_row, y, x, dweight);
}

void weight_row_any(const DepthwiseWeightGradient& g, const float* image, const float* dy_row, size_t y,
                    float* dweight) {
  for (size_t x = 0; x < g.out_w; ++x) weight_pixel(g, image, dy_row, y, x, dweight);
}

void weight_gradient(const DepthwiseWeightGradient& g, size_t begin, size_t end, float* dweight) {
  auto* row = &weight_row_any;
  if (g.kernel_w == 3 && g.stride == 1) row = &weight_row<3, 1>;
  if (g.kernel_w == 3 && g.stride == 2) row = &weight_row<3, 2>;
  if (g.kernel_w == 5 && g.stride == 1) row = &weight_row<5, 1>;
  if (g.kernel_w == 5 && g.stride == 2) row = &weight_row<5, 2>;
  for (size_t r = begin; r < end; ++r) {
    row(g, g.x + r / g.out_h * g.h * g.w * g.c, g.dy + r * g.out_w * g.c, r % g.out_h, dweight);
  }
}

}  // namespace

constexpr DepthwiseTable depthwise_table{gather, weight_gradient};

}  // namespace dunlin::HWY_NAMESPACE
