#include "kernels/optimizer/optimizer_simd.h"

#include "kernels/simd/math-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

void sgd(const SgdParameters& p, const float* gradient, float* velocity, float* w, size_t n) {
  const VF rate = constant(p.learning_rate), momentum = constant(p.momentum),
           fresh = constant(1 - p.dampening);
  const VF decay = constant(p.weight_decay), scale = constant(p.gradient_scale);
  for_lanes(n, [&](size_t i, auto load, auto store) {
    const VF weight = load(w + i);
    VF g = hn::MulAdd(decay, weight, hn::Mul(scale, load(gradient + i)));
    if (p.momentum != 0) {
      const VF v = hn::MulAdd(momentum, load(velocity + i), hn::Mul(fresh, g));
      store(v, velocity + i);
      g = p.nesterov ? hn::MulAdd(momentum, v, g) : v;
    }
    store(hn::NegMulAdd(rate, g, weight), w + i);
  });
}

void adam(const AdamParameters& p, float step_size, float root_correction, const float* gradient, float* m,
          float* v, float* w, size_t n) {
  const VF beta1 = constant(p.beta1), rest1 = constant(1 - p.beta1), beta2 = constant(p.beta2);
  const VF rest2 = constant(1 - p.beta2), epsilon = constant(p.epsilon), scale = constant(p.gradient_scale);
  const VF step = constant(step_size), correction = constant(root_correction);
  const VF decay = constant(p.decoupled ? 0 : p.weight_decay);
  const VF keep = constant(p.decoupled ? 1 - p.learning_rate * p.weight_decay : 1);
  for_lanes(n, [&](size_t i, auto load, auto store) {
    const VF weight = load(w + i);
    const VF g = hn::MulAdd(decay, weight, hn::Mul(scale, load(gradient + i)));
    const VF first = hn::MulAdd(beta1, load(m + i), hn::Mul(rest1, g));
    const VF second = hn::MulAdd(beta2, load(v + i), hn::Mul(rest2, hn::Mul(g, g)));
    store(first, m + i);
    store(second, v + i);
    const VF denominator = hn::MulAdd(hn::Sqrt(second), correction, epsilon);
    store(hn::NegMulAdd(step, hn::Div(first, denominator), hn::Mul(keep, weight)), w + i);
  });
}

}  // namespace

constexpr OptimizerTable optimizer_table{sgd, adam};

}  // namespace dunlin::HWY_NAMESPACE
