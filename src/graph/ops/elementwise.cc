#include "graph/ops/elementwise.h"

#include "graph/ops/broadcast_axis.h"

#include <algorithm>

namespace dunlin::ops {

Shape broadcast_shapes(const NodeView& a, const Shape& x, const Shape& y) {
  const int rank = std::max(x.rank(), y.rank());
  Shape out;
  for (int i = 0; i < rank; ++i) {
    const int ix = i - (rank - x.rank()), iy = i - (rank - y.rank());
    const int64_t dx = ix < 0 ? 1 : x[ix], dy = iy < 0 ? 1 : y[iy];
    if (dx == dy || dy == 1)
      out.push_back(dx);
    else if (dx == 1)
      out.push_back(dy);
    else if (dx >= 0 && dy >= 0)
      a.error("{} and {} do not broadcast", to_string(x), to_string(y));
    else
      out.push_back(dx > 1 ? dx : dy > 1 ? dy : kUnknownDim);
  }
  return out;
}

Strides broadcast_strides(const Tensor& t, const Shape& to) {
  const int lead = to.rank() - t.shape().rank();
  Strides out(static_cast<size_t>(to.rank()), 0);
  for (int i = 0; i < t.shape().rank(); ++i)
    if (t.shape()[i] != 1) out[static_cast<size_t>(lead + i)] = t.strides()[static_cast<size_t>(i)];
  return out;
}

Shape aligned_shape(const NodeView& a, const Shape& x, const Shape& y) {
  if (!has_broadcast_axis(a)) return y;
  const int axis = a.normalize_axis(a.attr_int("axis", 0), x.rank());
  if (axis + y.rank() > x.rank())
    a.error("{} at axis {} reaches beyond {}", to_string(y), axis, to_string(x));
  Shape out = y;
  while (axis + out.rank() < x.rank()) out.push_back(1);
  return out;
}

Strides second_strides(const OpCall& c, const Shape& to) {
  const Tensor& y = c.input(1);
  const Shape aligned = aligned_shape(c, c.input(0).shape(), y.shape());
  if (aligned.rank() == y.shape().rank()) return broadcast_strides(y, to);
  Strides strides(static_cast<size_t>(to.rank()), 0);
  const size_t lead = static_cast<size_t>(to.rank() - aligned.rank());
  for (int i = 0; i < y.shape().rank(); ++i)
    if (y.shape()[i] != 1) strides[lead + static_cast<size_t>(i)] = y.strides()[static_cast<size_t>(i)];
  return strides;
}

std::vector<Type> infer_same(const InferArgs& a) { return {a.type(0)}; }

namespace {
Shape broadcast_all(const InferArgs& a) {
  Shape out = a.shape(0);
  for (int i = 1; i < a.num_inputs(); ++i) {
    if (a.format(i) != a.format(0) && a.format(i) && a.format(0))
      a.error("input 0 is {}, input {} is {}: one type is expected", a.format(0)->name, i, a.format(i)->name);
    out = broadcast_shapes(a, out, i == 1 ? aligned_shape(a, out, a.shape(1)) : a.shape(i));
  }
  return out;
}
}  // namespace

std::vector<Type> infer_broadcast(const InferArgs& a) {
  return {{.format = a.format(0), .shape = broadcast_all(a)}};
}

std::vector<Type> infer_compare(const InferArgs& a) {
  return {{.format = &formats::kBool, .shape = broadcast_all(a)}};
}

std::vector<Type> infer_global_pool(const InferArgs& a) {
  const Shape& x = a.shape(0);
  if (x.rank() < 3) a.error("X is {}, [N, C, spatial...] is expected", to_string(x));
  Shape y{x[0], x[1]};
  while (y.rank() < x.rank()) y.push_back(1);
  return {{.format = a.format(0), .shape = y}};
}

}  // namespace dunlin::ops
