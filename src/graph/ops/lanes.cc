#include "graph/ops/lanes.h"

namespace dunlin::ops {

namespace {

bool old_form(const NodeView& a) { return a.node().domain.empty() && a.opset() < 13; }

int axis_of(const NodeView& a, int rank) {
  const int64_t axis = a.attr_int("axis", old_form(a) ? 1 : -1);
  if (rank == 0 && (axis == 0 || axis == -1)) return 0;
  // The flattening form may name the end: every lane is then one element long.
  if (old_form(a) && axis == rank) return rank;
  return a.normalize_axis(axis, rank);
}

bool flattens(const NodeView& a) { return old_form(a) || a.attr_int("flatten", 0) != 0; }

}  // namespace

Lanes lanes_along(const Shape& x, int axis) {
  Lanes l;
  for (int d = 0; d < x.rank(); ++d) (d < axis ? l.outer : d == axis ? l.length : l.inner) *= x[d];
  return l;
}

Lanes lanes_of(const NodeView& a, const Shape& x) {
  const int axis = axis_of(a, x.rank());
  Lanes l;
  for (int d = 0; d < x.rank(); ++d) {
    if (d < axis)
      l.outer *= x[d];
    else if (d == axis || flattens(a))
      l.length *= x[d];
    else
      l.inner *= x[d];
  }
  return l;
}

Attributes lane_attributes(const NodeView& a, const Type& x) {
  if (!x.shape) a.unsupported("the rank of the input must be known to differentiate");
  const int axis = axis_of(a, x.shape->rank());
  // On the last axis both forms are the same.
  const bool flatten = flattens(a) && axis + 1 < x.shape->rank();
  return {{"axis", int64_t{axis}}, {"flatten", int64_t{flatten}}};
}

std::vector<Type> infer_lanes(const InferArgs& a) {
  axis_of(a, a.shape(0).rank());
  return {a.type(0)};
}

}  // namespace dunlin::ops
