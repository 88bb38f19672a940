// Bernoulli, RandomUniform, RandomNormal. The run's seed and the node's name decide the numbers, whatever the
// attribute `seed` says: a run can be repeated, and recomputation repeats it.
#pragma once

#include "graph/ops/elementwise.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

/// Every element in row-major order from draw(random, i).
template <typename Draw>
void fill_random(const OpCall& c, Draw draw) {
  Philox random = c.random();
  for_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < y.size(); ++i) y[i] = from_double<T>(draw(random, i));
  });
}

inline std::vector<Type> infer_random_like(const InferArgs& a) {
  return {{.format = format_attribute(a, "dtype", a.format(0)), .shape = a.type(0).shape}};
}
inline std::vector<Type> infer_random(const InferArgs& a) {
  return {{.format = format_attribute(a, "dtype", &formats::kF32),
           .shape = checked_shape(a, a.attr_ints("shape"))}};
}

inline void draw_uniform(const OpCall& c) {
  const double low = c.attr_float("low", 0), high = c.attr_float("high", 1);
  fill_random(c, [=](Philox& random, size_t) { return low + (high - low) * random.uniform_double(); });
}
inline void draw_normal(const OpCall& c) {
  const double mean = c.attr_float("mean", 0), scale = c.attr_float("scale", 1);
  fill_random(c, [=](Philox& random, size_t) { return mean + scale * random.normal(); });
}

}  // namespace dunlin::ops
