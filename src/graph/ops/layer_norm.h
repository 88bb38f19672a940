// What LayerNormalization and RMSNormalization share: the axes from `axis` on, and a scale that broadcasts to
// them.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

inline Shape normalized_shape(const NodeView& a, const Shape& x) {
  const int axis = a.normalize_axis(a.attr_int("axis", -1), x.rank());
  return Shape(std::vector<int64_t>(x.begin() + axis, x.end()));
}

/// Input i (scale or bias), repeated to the normalised axes.
inline std::vector<double> repeated(const OpCall& c, int i, const Shape& normalized) {
  const std::vector<double> v = to_doubles(c.input(i));
  const Tensor index =
      Tensor::over(c.input(i).format(), c.input(i).shape(), row_major_strides(c.input(i).shape()), nullptr);
  const Shape both = broadcast_shapes(c, normalized, c.input(i).shape());
  if (both != normalized)
    c.error("input {} is {}, it does not broadcast to {}", i, to_string(c.input(i).shape()),
            to_string(normalized));
  std::vector<double> out(static_cast<size_t>(normalized.num_elements()));
  for_each_strided(
      normalized, [&](size_t k, int64_t o) { out[k] = v[static_cast<size_t>(o)]; },
      broadcast_strides(index, normalized));
  return out;
}

}  // namespace dunlin::ops
