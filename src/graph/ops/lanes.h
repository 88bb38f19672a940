// Ops along one axis (Softmax and its kin): an input seen as [outer, length, inner].
#pragma once

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

struct Lanes {
  int64_t outer = 1, length = 1, inner = 1;
};

/// The lanes of one axis.
Lanes lanes_along(const Shape& x, int axis);
/// Attribute `axis`; before opset 13 its default is 1 and the axes from it on are one, which our own gradient
/// ops say with `flatten`=1.
Lanes lanes_of(const NodeView& a, const Shape& x);

/// What the gradient of a lane op is told: axis counted from the front, and flatten.
Attributes lane_attributes(const NodeView& a, const Type& x);

/// Output 0 like input 0, with the axis checked.
std::vector<Type> infer_lanes(const InferArgs& a);

/// f(index of the first element, distance between neighbours) for every lane, in logical order.
template <typename F>
void for_each_lane(const Lanes& l, F f) {
  for (int64_t o = 0; o < l.outer; ++o)
    for (int64_t i = 0; i < l.inner; ++i)
      f(static_cast<size_t>(o * l.length * l.inner + i), static_cast<size_t>(l.inner));
}

}  // namespace dunlin::ops
