#include "kernels/pool/pool_simd.h"

#include <algorithm>

#include "kernels/simd/math-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

/// Calls visit(pixel index in the image) over the window, row by row.
template <typename Visit>
HWY_INLINE void for_window(const PoolDims& d, const PoolWindow& w, const Visit& visit) {
  for (size_t y = w.y_begin; y < w.y_end; y += d.dilation_h) {
    for (size_t x = w.x_begin; x < w.x_end; x += d.dilation_w) visit(y * d.w + x);
  }
}

/// Kahan 1965: a sum that keeps what rounding took. Plain sums of a flat picture round the same way every time.
struct CompensatedSum {
  VF sum = constant(0), lost = constant(0);
  HWY_INLINE void add(VF v) {
    const VF part = hn::Sub(v, lost), next = hn::Add(sum, part);
    lost = hn::Sub(hn::Sub(next, sum), part);
    sum = next;
  }
};

template <typename T>
void max_window(const PoolDims& d, const PoolWindow& window, const T* image, T* y, int32_t* argmax) {
  const I32 di;
  const size_t first = window.y_begin * d.w + window.x_begin;
  if (argmax == nullptr) {
    for_lanes(d.c, [&](size_t i, auto load, auto store) {
      VF best = constant(-HUGE_VALF);
      for_window(d, window, [&](size_t pixel) {
        const VF v = load(image + pixel * d.c + i);
        best = hn::IfThenElse(hn::IsNaN(best), best, at_least(v, best));
      });
      store(best, y + i);
    });
    return;
  }
  for_lanes(d.c, [&](size_t i, auto load, auto store) {
    VF best = constant(-HUGE_VALF);
    VI place = hn::Set(di, static_cast<int32_t>(first));
    for_window(d, window, [&](size_t pixel) {
      const VF v = load(image + pixel * d.c + i);
      // "not <=" also takes a NaN; a NaN already found stays.
      const auto take = hn::AndNot(hn::IsNaN(best), hn::Not(hn::Le(v, best)));
      best = hn::IfThenElse(take, v, best);
      place = hn::IfThenElse(hn::RebindMask(di, take), hn::Set(di, static_cast<int32_t>(pixel)), place);
    });
    store(best, y + i);
    HWY_ALIGN int32_t lanes[kLanes];
    hn::Store(place, di, lanes);
    std::memcpy(argmax + i, lanes, std::min(kLanes, d.c - i) * sizeof(int32_t));
  });
}

template <typename T>
void average_window(const PoolDims& d, const PoolWindow& window, const T* image, T* y) {
  const VF scale = constant(window.inverse_count);
  for_lanes(d.c, [&](size_t i, auto load, auto store) {
    CompensatedSum rows;
    for (size_t y = window.y_begin; y < window.y_end; y += d.dilation_h) {
      VF sum = constant(0);
      for (size_t x = window.x_begin; x < window.x_end; x += d.dilation_w)
        sum = hn::Add(sum, load(image + (y * d.w + x) * d.c + i));
      rows.add(sum);
    }
    store(hn::Mul(rows.sum, scale), y + i);
  });
}

void average_window_backward(const PoolDims& d, const PoolWindow& window, const float* dy, float* image) {
  const VF scale = constant(window.inverse_count);
  for_lanes(d.c, [&](size_t i, auto load, auto store) {
    const VF share = hn::Mul(load(dy + i), scale);
    for_window(d, window, [&](size_t pixel) {
      float* at = image + pixel * d.c + i;
      store(hn::Add(load(at), share), at);
    });
  });
}

template <typename T>
void sum_pixels(size_t hw, size_t c, const T* x, float scale, T* y) {
  constexpr size_t kBlock = 64;
  const VF vscale = constant(scale);
  for_lanes(c, [&](size_t i, auto load, auto store) {
    CompensatedSum blocks;
    for (size_t begin = 0; begin < hw; begin += kBlock) {
      const size_t end = std::min(hw, begin + kBlock);
      // Four sums hide the latency of the addition.
      VF sum[4] = {constant(0), constant(0), constant(0), constant(0)};
      size_t p = begin;
      for (; p + 4 <= end; p += 4) {
        for (size_t k = 0; k < 4; ++k) sum[k] = hn::Add(sum[k], load(x + (p + k) * c + i));
      }
      for (; p < end; ++p) sum[0] = hn::Add(sum[0], load(x + p * c + i));
      blocks.add(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
    }
    store(hn::Mul(blocks.sum, vscale), y + i);
  });
}

void spread_pixels(size_t hw, size_t c, const float* dy, float scale, float* dx) {
  const VF vscale = constant(scale);
  for (size_t p = 0; p < hw; ++p) {
    for_lanes(c,
              [&](size_t i, auto load, auto store) { store(hn::Mul(load(dy + i), vscale), dx + p * c + i); });
  }
}

template <typename T>
constexpr PoolForward<T> kForward{max_window<T>, average_window<T>, sum_pixels<T>};

}  // namespace

constexpr PoolTable pool_table{kForward<float>, kForward<BFloat16>, average_window_backward, spread_pixels};

}  // namespace dunlin::HWY_NAMESPACE
