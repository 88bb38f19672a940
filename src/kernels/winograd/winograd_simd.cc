#include "kernels/winograd/winograd_simd.h"

#include "kernels/simd/math-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

using winograd::OutputTile;

// The transforms along one dimension. Row i of B^T holds the coefficients of the product of (x - p) over all points p but
// the i-th, its last row those of the product over all; column i of A^T holds the powers of the i-th point.

struct F2x2 {  // points 0, 1, -1, infinity
  static constexpr int kInputs = 4, kOutputs = 2;

  static HWY_INLINE void input(const VF (&d)[4], VF (&t)[4]) {
    t[0] = hn::Sub(d[0], d[2]);
    t[1] = hn::Add(d[2], d[1]);
    t[2] = hn::Sub(d[2], d[1]);
    t[3] = hn::Sub(d[3], d[1]);
  }

  static HWY_INLINE void output(const VF (&m)[4], VF (&y)[2]) {
    y[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
    y[1] = hn::Add(m[3], hn::Sub(m[1], m[2]));
  }
};

struct F4x4 {  // points 0, a, -a, b, -b, infinity
  static constexpr int kInputs = 6, kOutputs = 4;
  static constexpr float kA = static_cast<float>(winograd::kA), kB = static_cast<float>(winograd::kB);

  static HWY_INLINE void input(const VF (&d)[6], VF (&t)[6]) {
    const VF a = constant(kA), b = constant(kB), aa = constant(kA * kA), bb = constant(kB * kB),
             sum = constant(kA * kA + kB * kB), product = constant(kA * kA * kB * kB);
    const VF even_a = hn::NegMulAdd(bb, d[2], d[4]), odd_a = hn::NegMulAdd(bb, d[1], d[3]);
    const VF even_b = hn::NegMulAdd(aa, d[2], d[4]), odd_b = hn::NegMulAdd(aa, d[1], d[3]);
    t[0] = hn::MulAdd(product, d[0], hn::NegMulAdd(sum, d[2], d[4]));
    t[1] = hn::MulAdd(a, odd_a, even_a);
    t[2] = hn::NegMulAdd(a, odd_a, even_a);
    t[3] = hn::MulAdd(b, odd_b, even_b);
    t[4] = hn::NegMulAdd(b, odd_b, even_b);
    t[5] = hn::MulAdd(product, d[1], hn::NegMulAdd(sum, d[3], d[5]));
  }

  static HWY_INLINE void output(const VF (&m)[6], VF (&y)[4]) {
    const VF even_a = hn::Add(m[1], m[2]), odd_a = hn::Sub(m[1], m[2]);
    const VF even_b = hn::Add(m[3], m[4]), odd_b = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(m[0], hn::Add(even_a, even_b));
    y[1] = hn::MulAdd(constant(kA), odd_a, hn::Mul(constant(kB), odd_b));
    y[2] = hn::MulAdd(constant(kA * kA), even_a, hn::Mul(constant(kB * kB), even_b));
    y[3] = hn::MulAdd(constant(kA * kA * kA), odd_a, hn::MulAdd(constant(kB * kB * kB), odd_b, m[5]));
  }
};

template <typename F>
void input(const float* const* pixels, size_t channels, float* v, ptrdiff_t step) {
  constexpr int kN = F::kInputs;
  for_lanes(channels, [&](size_t c, auto load, auto store) HWY_ATTR {
    VF columns[kN][kN];  // column j, transformed
#pragma GCC unroll 6
    for (int j = 0; j < kN; ++j) {
      VF d[kN];
#pragma GCC unroll 6
      for (int i = 0; i < kN; ++i) d[i] = load(pixels[i * kN + j] + c);
      F::input(d, columns[j]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < kN; ++i) {
      VF d[kN], t[kN];
#pragma GCC unroll 6
      for (int j = 0; j < kN; ++j) d[j] = columns[j][i];
      F::input(d, t);
#pragma GCC unroll 6
      for (int j = 0; j < kN; ++j) store(t[j], v + (i * kN + j) * step + c);
    }
  });
}

template <typename F>
void output(const OutputTile& tile) {
  constexpr int kN = F::kInputs, kM = F::kOutputs;
  const VF lo = constant(tile.lo), hi = constant(tile.hi);
  for_lanes(tile.channels, [&](size_t c, auto load, auto store) HWY_ATTR {
    VF columns[kN][kM];  // column j, transformed
#pragma GCC unroll 6
    for (int j = 0; j < kN; ++j) {
      VF m[kN];
#pragma GCC unroll 6
      for (int i = 0; i < kN; ++i) m[i] = load(tile.sums + (i * kN + j) * tile.step + c);
      F::output(m, columns[j]);
    }
    const VF bias = tile.bias ? load(tile.bias + c) : constant(0);
#pragma GCC unroll 4
    for (int i = 0; i < kM; ++i) {
      VF m[kN], y[kM];
#pragma GCC unroll 6
      for (int j = 0; j < kN; ++j) m[j] = columns[j][i];
      F::output(m, y);
#pragma GCC unroll 4
      for (int j = 0; j < kM; ++j) {
        const int pixel = i * kM + j;
        if (!tile.y[pixel]) continue;
        VF out = hn::Add(y[j], bias);
        if (tile.residual) out = hn::Add(out, load(tile.residual[pixel] + c));
        store(at_most(at_least(out, lo), hi), tile.y[pixel] + c);
      }
    }
  });
}

}  // namespace

constexpr WinogradTable winograd_table{{input<F2x2>, output<F2x2>}, {input<F4x4>, output<F4x4>}};

}  // namespace dunlin::HWY_NAMESPACE
