// Normalisation of each sample over groups of its channels: InstanceNormalization is the case of one channel
// a group.
#pragma once

#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

/// Row-major [N, groups, size] with size = channels / groups * inner.
struct Groups {
  int64_t n = 0, groups = 1, channels = 0, inner = 1;

  Groups(const NodeView& a, const Shape& x, int64_t num_groups)
      : n(x[0]), groups(num_groups), channels(x[1]) {
    if (groups < 1 || channels % groups != 0)
      a.error("{} channels do not divide into {} groups", channels, groups);
    for (int d = 2; d < x.rank(); ++d) inner *= x[d];
  }
  size_t size() const { return static_cast<size_t>(channels / groups * inner); }
  size_t count() const { return static_cast<size_t>(n * groups); }
  /// Which of `scales` factors (one a channel, or one a group) belongs to element i of group g.
  size_t scale_index(size_t g, size_t i, size_t scales) const {
    const size_t group = g % static_cast<size_t>(groups);
    if (scales == static_cast<size_t>(groups) && groups != channels) return group;
    return group * static_cast<size_t>(channels / groups) + i / static_cast<size_t>(inner);
  }
};

/// Of x, scale, bias, both with `length` numbers; -1: not known yet.
inline std::vector<Type> infer_group_norm(const InferArgs& a, int64_t length) {
  for (int i = 1; i <= 2; ++i) {
    if (!a.has_shape(i)) continue;
    const Shape& s = a.shape(i);
    if (s.rank() != 1 || !may_equal(s[0], length))
      a.error("input {} is {}, X is {}: {} numbers are expected", i, to_string(s), to_string(a.shape(0)),
              length);
  }
  return {a.type(0)};
}

struct Moments {
  double mean = 0, inv_std = 0;
};

inline Moments moments(std::span<const double> x, double epsilon) {
  Moments m;
  double variance = 0;
  for (double v : x) m.mean += v;
  m.mean /= static_cast<double>(x.size());
  for (double v : x) variance += (v - m.mean) * (v - m.mean);
  m.inv_std = 1 / std::sqrt(variance / static_cast<double>(x.size()) + epsilon);
  return m;
}

/// Inputs x, scale, bias; output 0.
inline void group_norm_forward(const OpCall& c, int64_t num_groups) {
  const Groups groups(c, c.input(0).shape(), num_groups);
  const double epsilon = c.attr_float("epsilon", 1e-5f);
  std::vector<double> x = to_doubles(c.input(0));
  const std::vector<double> scale = to_doubles(c.input(1)), bias = to_doubles(c.input(2));
  for (size_t g = 0; g < groups.count(); ++g) {
    const std::span<double> part(x.data() + g * groups.size(), groups.size());
    const Moments m = moments(part, epsilon);
    for (size_t i = 0; i < part.size(); ++i) {
      const size_t k = groups.scale_index(g, i, scale.size());
      part[i] = (part[i] - m.mean) * m.inv_std * scale[k] + bias[k];
    }
  }
  store_doubles(c, 0, x);
}

}  // namespace dunlin::ops
