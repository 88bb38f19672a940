#include "kernels/norm/layer_norm_simd.h"

#include <math.h>

#include <algorithm>

#include "kernels/simd/math-inl.h"
#include "kernels/simd/row_sum-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

void forward(size_t rows, size_t c, bool centred, const float* scale, const float* bias, float epsilon,
             const float* x, float* y, float* mean, float* inv_std) {
  const float inverse = 1.f / static_cast<float>(c);
  for (size_t r = 0; r < rows; ++r, x += c, y += c) {
    const float m = centred ? row_sum(c, [&](size_t i, auto load) { return load(x + i); }) * inverse : 0;
    const VF vm = constant(m);
    const float variance = inverse * row_sum(c, [&](size_t i, auto load) {
                             const VF d = hn::Sub(load(x + i), vm);
                             return hn::Mul(d, d);
                           });
    const float istd = 1.f / ::sqrtf(variance + epsilon);
    if (mean) mean[r] = m;
    if (inv_std) inv_std[r] = istd;
    const VF vistd = constant(istd);
    for_lanes(c, [&](size_t i, auto load, auto store) {
      VF v = hn::Mul(hn::Sub(load(x + i), vm), vistd);
      if (scale) v = hn::Mul(v, load(scale + i));
      if (bias) v = hn::Add(v, load(bias + i));
      store(v, y + i);
    });
  }
}

void backward(size_t rows, size_t c, const float* scale, const float* dy, const float* x, const float* mean,
              const float* inv_std, float* dx, float* dscale, float* dbias) {
  const float inverse = 1.f / static_cast<float>(c);
  std::fill_n(dscale, c, 0.f);
  std::fill_n(dbias, c, 0.f);
  for (size_t r = 0; r < rows; ++r, x += c, dy += c, dx += c) {
    const VF m = constant(mean[r]), istd = constant(inv_std[r]);
    const auto scaled = [&](size_t i, auto load) {
      const VF g = load(dy + i);
      return scale ? hn::Mul(g, load(scale + i)) : g;
    };
    const auto normalised = [&](size_t i, auto load) { return hn::Mul(hn::Sub(load(x + i), m), istd); };
    const VF sum = constant(inverse * row_sum(c, scaled));
    const VF dot = constant(inverse * row_sum(c, [&](size_t i, auto load) {
                              return hn::Mul(scaled(i, load), normalised(i, load));
                            }));
    for_lanes(c, [&](size_t i, auto load, auto store) {
      const VF g = load(dy + i), xhat = normalised(i, load);
      const VF v = hn::Mul(istd, hn::Sub(scaled(i, load), hn::MulAdd(xhat, dot, sum)));
      store(hn::MulAdd(g, xhat, load(dscale + i)), dscale + i);
      store(hn::Add(g, load(dbias + i)), dbias + i);
      store(v, dx + i);
    });
  }
}

}  // namespace

constexpr LayerNormTable layer_norm_table{forward, backward};

}  // namespace dunlin::HWY_NAMESPACE
