#include "kernels/norm/batch_norm_simd.h"

#include <algorithm>
#include <type_traits>

#include "kernels/simd/activation-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

constexpr size_t kTile =
    8;  // rows walked side by side: each is read forwards, sums stay in the first-level cache

/// Calls body(first row, constant count of rows) over the rows, in tiles.
template <typename Body>
HWY_INLINE void for_row_tiles(size_t rows, const Body& body) {
  size_t r = 0;
  for (; r + kTile <= rows; r += kTile) body(r, std::integral_constant<size_t, kTile>());
  for (; r < rows; ++r) body(r, std::integral_constant<size_t, 1>());
}

/// The sum of at(0) .. at(kCount - 1) in pairs.
template <size_t kCount, typename At>
HWY_INLINE VF sum_of(const At& at) {
  if constexpr (kCount == 1) return at(0);
  VF sum[kCount];
  for (size_t k = 0; k < kCount; ++k) sum[k] = at(k);
  for (size_t width = kCount / 2; width > 0; width /= 2) {
    for (size_t k = 0; k < width; ++k) sum[k] = hn::Add(sum[k], sum[k + width]);
  }
  return sum[0];
}

/// Rows of a block that fits the first-level cache, so that reading it twice costs memory traffic once.
size_t block_rows(size_t c) { return std::max(kTile, size_t{6144} / c / kTile * kTile); }

void block_moments(size_t rows, size_t c, const float* x, float* mean, float* deviations) {
  std::fill_n(mean, c, 0.f);
  std::fill_n(deviations, c, 0.f);
  for_row_tiles(rows, [&](size_t r, auto count) {
    const float* tile = x + r * c;
    for_lanes(c, [&](size_t i, auto load, auto store) {
      store(hn::Add(load(mean + i), sum_of<count()>([&](size_t k) { return load(tile + k * c + i); })),
            mean + i);
    });
  });
  const VF inverse = constant(1.f / static_cast<float>(rows));
  for_lanes(c, [&](size_t i, auto load, auto store) { store(hn::Mul(load(mean + i), inverse), mean + i); });
  for_row_tiles(rows, [&](size_t r, auto count) {
    const float* tile = x + r * c;
    for_lanes(c, [&](size_t i, auto load, auto store) {
      const VF m = load(mean + i);
      const VF sum = sum_of<count()>([&](size_t k) {
        const VF d = hn::Sub(load(tile + k * c + i), m);
        return hn::Mul(d, d);
      });
      store(hn::Add(load(deviations + i), sum), deviations + i);
    });
  });
}

void moments(size_t rows, size_t c, const float* x, float* work, float* mean, float* deviations) {
  const size_t block = block_rows(c);
  block_moments(std::min(rows, block), c, x, mean, deviations);
  float *block_mean = work, *block_deviations = work + c;
  for (size_t r = block; r < rows; r += block) {
    const size_t count = std::min(rows - r, block);
    block_moments(count, c, x + r * c, block_mean, block_deviations);
    // Chan, Golub and LeVeque 1979: the moments of two sets from their own
    const VF share = constant(static_cast<float>(count) / static_cast<float>(r + count));
    const VF between = constant(static_cast<float>(static_cast<double>(r) * static_cast<double>(count) /
                                                   static_cast<double>(r + count)));
    for_lanes(c, [&](size_t i, auto load, auto store) {
      const VF m = load(mean + i), delta = hn::Sub(load(block_mean + i), m);
      store(hn::MulAdd(delta, share, m), mean + i);
      const VF both = hn::Add(load(deviations + i), load(block_deviations + i));
      store(hn::MulAdd(hn::Mul(delta, delta), between, both), deviations + i);
    });
  }
}

void scale_shift(size_t rows, size_t c, const float* factor, const float* offset, const Activation& p,
                 const float* x, float* y) {
  with_activation(p, [&](auto act) {
    for_row_tiles(rows, [&](size_t r, auto count) {
      const float* in = x + r * c;
      float* out = y + r * c;
      for_lanes(c, [&](size_t i, auto load, auto store) {
        const VF f = load(factor + i), o = load(offset + i);
        for (size_t k = 0; k < count(); ++k)
          store(act.apply(hn::MulAdd(load(in + k * c + i), f, o)), out + k * c + i);
      });
    });
  });
}

template <typename Act>
HWY_INLINE VF gradient_before(const Act& act, VF dy, VF x, VF factor, VF offset) {
  if constexpr (Act::kind == ActivationKind::kNone) {
    return dy;
  } else {
    // Not IfThenElseZero on dy: that becomes a masked load, which waits for x and leaves the memory idle
    // meanwhile.
    return hn::Mul(dy, act.derivative(hn::MulAdd(x, factor, offset)));
  }
}

void gradient_sums(size_t rows, size_t c, const BatchNormLine& line, const Activation& p, const float* dy,
                   const float* x, float* work, float* dbias, float* dot) {
  std::fill_n(dbias, c, 0.f);
  std::fill_n(dot, c, 0.f);
  float *block_bias = work, *block_dot = work + c;
  with_activation(p, [&](auto act) {
    constexpr size_t kBlock = 256;  // two levels of sums keep the rounding error down
    for (size_t begin = 0; begin < rows; begin += kBlock) {
      std::fill_n(work, 2 * c, 0.f);
      for_row_tiles(std::min(kBlock, rows - begin), [&](size_t r, auto count) {
        const float* dy_tile = dy + (begin + r) * c;
        const float* x_tile = x + (begin + r) * c;
        for_lanes(c, [&](size_t i, auto load, auto store) {
          const VF f = load(line.factor + i), o = load(line.offset + i), m = load(line.mean + i);
          VF bias = load(block_bias + i), dots = load(block_dot + i);
          for (size_t k = 0; k < count(); ++k) {
            const VF v = load(x_tile + k * c + i);
            const VF g = gradient_before(act, load(dy_tile + k * c + i), v, f, o);
            bias = hn::Add(bias, g);
            dots = hn::MulAdd(g, hn::Sub(v, m), dots);
          }
          store(bias, block_bias + i);
          store(dots, block_dot + i);
        });
      });
      for_lanes(c, [&](size_t i, auto load, auto store) {
        store(hn::Add(load(dbias + i), load(block_bias + i)), dbias + i);
        store(hn::Add(load(dot + i), load(block_dot + i)), dot + i);
      });
    }
  });
}

void gradient(size_t rows, size_t c, const BatchNormLine& line, const Activation& p, const float* slope,
              const float* shift, const float* dy, const float* x, float* dx) {
  with_activation(p, [&](auto act) {
    for (size_t r = 0; r < rows; ++r) {
      const float *dy_row = dy + r * c, *x_row = x + r * c;
      float* out = dx + r * c;
      for_lanes(c, [&](size_t i, auto load, auto store) {
        const VF v = load(x_row + i), f = load(line.factor + i);
        const VF g = gradient_before(act, load(dy_row + i), v, f, load(line.offset + i));
        const VF centred = hn::Sub(v, load(line.mean + i));
        store(hn::MulAdd(g, f, hn::MulAdd(centred, load(slope + i), load(shift + i))), out + i);
      });
    }
  });
}

}  // namespace

constexpr BatchNormTable batch_norm_table{moments, scale_shift, gradient_sums, gradient};

}  // namespace dunlin::HWY_NAMESPACE
