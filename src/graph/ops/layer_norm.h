// What LayerNormalization and RMSNormalization share: the axes from `axis` on, and a scale and bias that broadcast to X.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

inline int first_normalized_axis(const NodeView& a, const Shape& x) {
  return a.normalize_axis(a.attr_int("axis", -1), x.rank());
}

inline Shape normalized_shape(const NodeView& a, const Shape& x) {
  return Shape(std::vector<int64_t>(x.begin() + first_normalized_axis(a, x), x.end()));
}

/// Whether a scale or bias is the same for every row of X: it has 1 at all axes before the normalised ones.
inline bool same_in_every_row(const NodeView& a, const Shape& operand, const Shape& x) {
  const int before = first_normalized_axis(a, x) - (x.rank() - operand.rank());
  for (int d = 0; d < std::min(before, operand.rank()); ++d)
    if (operand[d] != 1) return false;
  return true;
}

/// Whether its elements are those of a row, none repeated.
inline bool is_row(const NodeView& a, const Shape& operand, const Shape& x) {
  const Shape row = normalized_shape(a, x);
  if (operand.rank() > x.rank() || operand.rank() < row.rank()) return false;
  for (int d = 0; d < row.rank(); ++d)
    if (operand[operand.rank() - row.rank() + d] != row[d]) return false;
  return same_in_every_row(a, operand, x);
}

/// What `repeated` gives the operand: a row, or all of X.
inline Shape repeated_shape(const NodeView& a, const Shape& operand, const Shape& x) {
  return same_in_every_row(a, operand, x) ? normalized_shape(a, x) : x;
}

/// Input i (scale or bias), repeated to a row of X where all have the same, otherwise to all of X: element k of X takes
/// number k % size.
inline std::vector<double> repeated(const OpCall& c, int i, const Shape& x) {
  const Shape& shape = c.input(i).shape();
  if (broadcast_shapes(c, x, shape) != x)
    c.error("input {} is {}, it does not broadcast to {}", i, to_string(shape), to_string(x));
  const Shape to = repeated_shape(c, shape, x);
  const Shape own(std::vector<int64_t>(shape.end() - std::min(shape.rank(), to.rank()), shape.end()));
  const Tensor index = Tensor::over(c.input(i).format(), own, row_major_strides(own), nullptr);
  const std::vector<double> v = to_doubles(c.input(i));
  std::vector<double> out(static_cast<size_t>(to.num_elements()));
  for_each_strided(
      to, [&](size_t k, int64_t o) { out[k] = v[static_cast<size_t>(o)]; }, broadcast_strides(index, to));
  return out;
}

}  // namespace dunlin::ops
