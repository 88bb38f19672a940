#include "kernels/depthwise/depthwise_simd.h"

#include "kernels/simd/activation-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

/// A kernel row that one destination row reads: the source row, and where the weights of the kernel row
/// begin.
template <typename T>
struct RowTap {
  const T* source;
  size_t weight_offset;
};

template <typename T>
struct RowTaps {
  RowTap<T> taps[kDepthwiseMaxRowTaps];
  size_t count;
};
template <typename T>
RowTaps<T> row_taps(const DepthwiseAxis& axis, size_t y, const T* image, size_t source_row,
                    size_t weight_row) {
  RowTaps<T> rows;
  rows.count = axis.begin[y + 1] - axis.begin[y];
  for (size_t i = 0; i < rows.count; ++i) {
    const DepthwiseTap& tap = axis.taps[axis.begin[y] + i];
    rows.taps[i] = {image + tap.source * source_row, tap.k * weight_row};
  }
  return rows;
}

/// The column taps of a pixel: evenly spaced in source and kernel, because stride and dilation are.
struct ColumnTaps {
  size_t count;
  ptrdiff_t source, source_step, weight, weight_step;  ///< in elements
};
ColumnTaps column_taps(const DepthwiseAxis& axis, size_t i, size_t c) {
  const DepthwiseTap* t = axis.taps + axis.begin[i];
  const size_t count = axis.begin[i + 1] - axis.begin[i];
  const auto in_elements = [&](uint32_t index) { return static_cast<ptrdiff_t>(index * c); };
  if (count == 0) return {};
  if (count == 1) return {1, in_elements(t[0].source), 0, in_elements(t[0].k), 0};
  return {count, in_elements(t[0].source), in_elements(t[1].source) - in_elements(t[0].source),
          in_elements(t[0].k), in_elements(t[1].k) - in_elements(t[0].k)};
}

/// What happens to the sums of neighbouring pixels of one row before they are stored, from channel i on.
template <typename T>
struct Finish {
  const EpilogueOf<T>& epilogue;
  const T* residual;  ///< the row's
  bool clips;  ///< all there is to do, which takes no branch: without an activation everything is inside
  VF lo, hi;

  Finish(const EpilogueOf<T>& e, const T* residual_row)
      : epilogue(e),
        residual(residual_row),
        clips(!residual_row &&
              (e.activation.kind == ActivationKind::kClip || e.activation.kind == ActivationKind::kNone)),
        lo(constant(e.activation.kind == ActivationKind::kClip ? e.activation.a : -HUGE_VALF)),
        hi(constant(e.activation.kind == ActivationKind::kClip ? e.activation.b : HUGE_VALF)) {}

  template <size_t kPixels, typename Load>
  HWY_INLINE void operator()(VF (&sum)[kPixels], size_t x, size_t i, const Load& load) const {
    if (clips) {
      HWY_UNROLL(8) for (size_t p = 0; p < kPixels; ++p) sum[p] = at_most(at_least(sum[p], lo), hi);
      return;
    }
    if (residual) {
      for (size_t p = 0; p < kPixels; ++p)
        sum[p] =
            hn::Add(sum[p], load(residual + static_cast<ptrdiff_t>(x + p) * epilogue.residual_stride + i));
    }
    activate(epilogue.activation, sum, kPixels);
  }

 private:
  /// Out of line: it keeps the tiles small, and several pixels share the call.
  static HWY_NOINLINE void activate(const Activation& activation, VF* v, size_t n) {
    with_activation(activation, [&](auto act) {
      for (size_t k = 0; k < n; ++k) v[k] = act.template apply_for<T>(v[k]);
    });
  }
};

/// kPixels neighbouring destination pixels over all channels, every column tap inside the source: each source
/// vector is used by up to kKernelW pixels.
template <size_t kKernelW, size_t kStride, size_t kPixels, typename T>
void gather_tile(const DepthwiseGather<T>& g, const RowTaps<T>& rows, size_t x, T* out,
                 const Finish<T>& finish) {
  constexpr size_t kColumns = (kPixels - 1) * kStride + kKernelW;
  const size_t c = g.c;
  const ptrdiff_t first = (static_cast<ptrdiff_t>(x * kStride) + g.first) * static_cast<ptrdiff_t>(c);
  const ptrdiff_t weight_step = g.flipped ? -static_cast<ptrdiff_t>(c) : static_cast<ptrdiff_t>(c);
  const float* weights = g.flipped ? g.weight + (kKernelW - 1) * c : g.weight;
  const float* bias = g.epilogue.bias;
  const RowTap<T>*begin = rows.taps, *end = rows.taps + rows.count;
  for_lanes(c, [&](size_t i, auto load, auto store) {
    VF sum[kPixels];
    const VF start = bias ? load(bias + i) : constant(0);
    for (VF& s : sum) s = start;
    for (const RowTap<T>* tap = begin; tap != end; ++tap) {
      const T* row = tap->source + first + i;
      const float* w = weights + tap->weight_offset + i;
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
    finish(sum, x, i, load);
    HWY_UNROLL(8)
    for (size_t p = 0; p < kPixels; ++p) store(sum[p], out + (x + p) * c + i);
  });
}

/// One destination pixel with kTaps column taps; 0: any number.
template <size_t kTaps, typename T>
void gather_pixel_of(const DepthwiseGather<T>& g, const RowTaps<T>& rows, const ColumnTaps& columns, size_t x,
                     T* out, const Finish<T>& finish) {
  const size_t count = kTaps == 0 ? columns.count : kTaps;
  const float* weights = g.weight + columns.weight;
  const float* bias = g.epilogue.bias;
  const RowTap<T>*begin = rows.taps, *end = rows.taps + rows.count;
  for_lanes(g.c, [&](size_t i, auto load, auto store) {
    VF sum[1] = {bias ? load(bias + i) : constant(0)};
    for (const RowTap<T>* tap = begin; tap != end; ++tap) {
      const T* v = tap->source + columns.source + i;
      const float* w = weights + tap->weight_offset + i;
      for (size_t k = 0; k < count; ++k, v += columns.source_step, w += columns.weight_step) {
        sum[0] = hn::MulAdd(load(v), load(w), sum[0]);
      }
    }
    finish(sum, x, i, load);
    store(sum[0], out + x * g.c + i);
  });
}

template <typename T>
void gather_pixel(const DepthwiseGather<T>& g, const RowTaps<T>& rows, size_t x, T* out,
                  const Finish<T>& finish) {
  const ColumnTaps columns = column_taps(g.columns, x, g.c);
  switch (columns.count) {
    case 1:
      return gather_pixel_of<1>(g, rows, columns, x, out, finish);
    case 2:
      return gather_pixel_of<2>(g, rows, columns, x, out, finish);
    case 3:
      return gather_pixel_of<3>(g, rows, columns, x, out, finish);
    case 4:
      return gather_pixel_of<4>(g, rows, columns, x, out, finish);
    default:
      return gather_pixel_of<0>(g, rows, columns, x, out, finish);
  }
}

template <size_t kKernelW, size_t kStride, typename T>
void gather_row(const DepthwiseGather<T>& g, const RowTaps<T>& rows, T* out, const Finish<T>& finish) {
  size_t x = 0;
  for (; x < g.interior_begin; ++x) gather_pixel(g, rows, x, out, finish);
  for (; x + 8 <= g.interior_end; x += 8) gather_tile<kKernelW, kStride, 8>(g, rows, x, out, finish);
  if (x + 4 <= g.interior_end) {
    gather_tile<kKernelW, kStride, 4>(g, rows, x, out, finish);
    x += 4;
  }
  if (x + 2 <= g.interior_end) {
    gather_tile<kKernelW, kStride, 2>(g, rows, x, out, finish);
    x += 2;
  }
  for (; x < g.w; ++x) gather_pixel(g, rows, x, out, finish);
}

template <typename T>
void gather_row_any(const DepthwiseGather<T>& g, const RowTaps<T>& rows, T* out, const Finish<T>& finish) {
  for (size_t x = 0; x < g.w; ++x) gather_pixel(g, rows, x, out, finish);
}

template <typename T>
void gather(const DepthwiseGather<T>& g, size_t begin, size_t end) {
  const EpilogueOf<T>& e = g.epilogue;
  auto* row = &gather_row_any<T>;
  if (g.kernel_w == 3 && g.stride == 1) row = &gather_row<3, 1, T>;
  if (g.kernel_w == 3 && g.stride == 2) row = &gather_row<3, 2, T>;
  if (g.kernel_w == 5 && g.stride == 1) row = &gather_row<5, 1, T>;
  if (g.kernel_w == 5 && g.stride == 2) row = &gather_row<5, 2, T>;
  for (size_t r = begin; r < end; ++r) {
    const T* image = g.source + r / g.h * g.source_h * g.source_w * g.c;
    const T* residual =
        e.residual ? e.residual + static_cast<ptrdiff_t>(r * g.w) * e.residual_stride : nullptr;
    row(g, row_taps(g.rows, r % g.h, image, g.source_w * g.c, g.kernel_w * g.c),
        g.destination + r * g.w * g.c, Finish<T>(e, residual));
  }
}

/// As gather_tile, the other way round: kKernelW sums over kPixels pixels.
template <size_t kKernelW, size_t kStride, size_t kPixels>
void weight_tile(const DepthwiseWeightGradient& g, const RowTaps<float>& rows, const float* dy_row, size_t x,
                 float* dweight) {
  constexpr size_t kColumns = (kPixels - 1) * kStride + kKernelW;
  const size_t c = g.c;
  const ptrdiff_t first = (static_cast<ptrdiff_t>(x * kStride) + g.first) * static_cast<ptrdiff_t>(c);
  for_lanes(c, [&](size_t i, auto load, auto store) {
    VF dy[kPixels];
    HWY_UNROLL(8) for (size_t p = 0; p < kPixels; ++p) dy[p] = load(dy_row + (x + p) * c + i);
    for (size_t t = 0; t < rows.count; ++t) {
      const float* row = rows.taps[t].source + first + i;
      float* w = dweight + rows.taps[t].weight_offset + i;
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

void weight_pixel(const DepthwiseWeightGradient& g, const RowTaps<float>& rows, const float* dy_row, size_t x,
                  float* dweight) {
  const ColumnTaps columns = column_taps(g.columns, x, g.c);
  for_lanes(g.c, [&](size_t i, auto load, auto store) {
    const VF dy = load(dy_row + x * g.c + i);
    for (size_t t = 0; t < rows.count; ++t) {
      const float* v = rows.taps[t].source + columns.source + i;
      float* w = dweight + rows.taps[t].weight_offset + columns.weight + i;
      for (size_t k = 0; k < columns.count; ++k, v += columns.source_step, w += columns.weight_step) {
        store(hn::MulAdd(load(v), dy, load(w)), w);
      }
    }
  });
}

template <size_t kKernelW, size_t kStride>
void weight_row(const DepthwiseWeightGradient& g, const RowTaps<float>& rows, const float* dy,
                float* dweight) {
  size_t x = 0;
  for (; x < g.interior_begin; ++x) weight_pixel(g, rows, dy, x, dweight);
  for (; x + 8 <= g.interior_end; x += 8) weight_tile<kKernelW, kStride, 8>(g, rows, dy, x, dweight);
  if (x + 4 <= g.interior_end) {
    weight_tile<kKernelW, kStride, 4>(g, rows, dy, x, dweight);
    x += 4;
  }
  if (x + 2 <= g.interior_end) {
    weight_tile<kKernelW, kStride, 2>(g, rows, dy, x, dweight);
    x += 2;
  }
  for (; x < g.out_w; ++x) weight_pixel(g, rows, dy, x, dweight);
}

void weight_row_any(const DepthwiseWeightGradient& g, const RowTaps<float>& rows, const float* dy,
                    float* dweight) {
  for (size_t x = 0; x < g.out_w; ++x) weight_pixel(g, rows, dy, x, dweight);
}

void weight_gradient(const DepthwiseWeightGradient& g, size_t begin, size_t end, float* dweight) {
  auto* row = &weight_row_any;
  if (g.kernel_w == 3 && g.stride == 1) row = &weight_row<3, 1>;
  if (g.kernel_w == 3 && g.stride == 2) row = &weight_row<3, 2>;
  if (g.kernel_w == 5 && g.stride == 1) row = &weight_row<5, 1>;
  if (g.kernel_w == 5 && g.stride == 2) row = &weight_row<5, 2>;
  for (size_t r = begin; r < end; ++r) {
    const float* image = g.x + r / g.out_h * g.h * g.w * g.c;
    row(g, row_taps(g.rows, r % g.out_h, image, g.w * g.c, g.kernel_w * g.c), g.dy + r * g.out_w * g.c,
        dweight);
  }
}

}  // namespace

constexpr DepthwiseTable depthwise_table{gather<float>, gather<BFloat16>, weight_gradient};

}  // namespace dunlin::HWY_NAMESPACE
