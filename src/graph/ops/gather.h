// Gather's index arithmetic, shared with its gradient.
#pragma once

#include "graph/ops/movement.h"

namespace dunlin::ops {

/// An index that may count from the end; throws when it is outside.
inline int64_t checked_index(const NodeView& c, int64_t index, int64_t length) {
  if (index < -length || index >= length) c.error("index {} is outside [{}, {})", index, -length, length);
  return index < 0 ? index + length : index;
}

/// Calls f(o, i): element o of the gathered tensor (row-major order) is element i of x.
template <typename F>
void for_each_gathered(const NodeView& c, const Shape& x, const Tensor& indices, F&& f) {
  const int axis = c.normalize_axis(c.attr_int("axis", 0), x.rank());
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < axis; ++d) outer *= x[d];
  for (int d = axis + 1; d < x.rank(); ++d) inner *= x[d];
  std::vector<int64_t> rows = to_ints(indices);
  for (int64_t& row : rows) row = checked_index(c, row, x[axis]);
  size_t o = 0;
  for (int64_t b = 0; b < outer; ++b)
    for (int64_t row : rows)
      for (int64_t k = 0; k < inner; ++k) f(o++, static_cast<size_t>((b * x[axis] + row) * inner + k));
}

/// Calls f(o, i): element o of `indices` names element i of a tensor shaped `x`, whose index equals that of o
/// but along `axis` (GatherElements, ScatterElements).
template <typename F>
void for_each_element_index(const NodeView& c, const Shape& x, const Tensor& indices, F&& f) {
  const int axis = c.normalize_axis(c.attr_int("axis", 0), x.rank());
  const Shape& s = indices.shape();
  bool fits = s.rank() == x.rank();
  for (int d = 0; fits && d < x.rank(); ++d) fits = d == axis || s[d] <= x[d];
  if (!fits) c.error("indices {} do not fit {} along axis {}", to_string(s), to_string(x), axis);
  const Strides strides = row_major_strides(x);
  const std::vector<int64_t> rows = to_ints(indices);
  Strides without_axis = strides;
  without_axis[static_cast<size_t>(axis)] = 0;
  for_each_strided(
      indices.shape(),
      [&](size_t o, int64_t base) {
        f(o, static_cast<size_t>(base +
                                 checked_index(c, rows[o], x[axis]) * strides[static_cast<size_t>(axis)]));
      },
      without_axis);
}

}  // namespace dunlin::ops
