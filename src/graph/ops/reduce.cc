#include "graph/ops/reduce.h"

namespace dunlin::ops {

std::vector<bool> reduced_axes(const NodeView& a, const std::optional<std::vector<int64_t>>& axes, int rank) {
  const bool none = !axes || axes->empty();
  std::vector<bool> out(static_cast<size_t>(rank), none && a.attr_int("noop_with_empty_axes", 0) == 0);
  if (!none)
    for (int64_t axis : *axes) out[static_cast<size_t>(a.normalize_axis(axis, rank))] = true;
  return out;
}

KeptLanes lanes_kept(const Shape& x, const std::vector<bool>& reduced) {
  KeptLanes lanes{.to = Strides(reduced.size(), 0)};
  for (size_t d = reduced.size(); d-- > 0;) {
    if (reduced[d]) continue;
    lanes.to[d] = lanes.count;
    lanes.count *= x[static_cast<int>(d)];
  }
  return lanes;
}

std::vector<Type> infer_reduce(const InferArgs& a) {
  const Shape& x = a.shape(0);
  const std::vector<bool> reduced = reduced_axes(a, a.ints("axes", 1), x.rank());
  const bool keep = a.attr_int("keepdims", 1) != 0;
  Shape y;
  for (int d = 0; d < x.rank(); ++d) {
    if (!reduced[static_cast<size_t>(d)])
      y.push_back(x[d]);
    else if (keep)
      y.push_back(1);
  }
  return {{.format = a.format(0), .shape = y}};
}

namespace {

/// The axes that the forward dropped, or nothing when it kept them. They must be known.
std::vector<int64_t> dropped_axes(Grad& g) {
  if (g.attr_int("keepdims", 1) != 0) return {};
  const std::optional<Shape>& x = g.graph().type(g.in(0)).shape;
  if (!x) g.unsupported("the rank of the input must be known to differentiate");
  std::optional<std::vector<int64_t>> axes;
  if (g.has_attr("axes")) {
    axes = g.attr_ints("axes");
  } else if (g.has_input(1)) {
    const Tensor* t = g.graph().initializer(g.in(1));
    if (!t) g.unsupported("the axes must be known to differentiate");
    axes = to_ints(*t);
  }
  const std::vector<bool> reduced = reduced_axes(g, axes, x->rank());
  std::vector<int64_t> out;
  for (size_t d = 0; d < reduced.size(); ++d)
    if (reduced[d]) out.push_back(static_cast<int64_t>(d));
  return out;
}

}  // namespace

ReducedGrad::ReducedGrad(Grad& g) : g_(&g) {}

ValueId ReducedGrad::spread(ValueId v) const {
  const std::vector<int64_t> dropped = dropped_axes(*g_);
  if (!dropped.empty()) v = g_->emit("Unsqueeze", {v, g_->constant_ints(dropped)});
  const std::optional<Shape> x = g_->graph().type(g_->in(0)).shape;
  const ValueId shape = x && x->known() ? g_->constant_ints(x->dims()) : g_->emit("Shape", {g_->in(0)});
  return g_->emit("Expand", {v, shape});
}

ValueId ReducedGrad::sum(ValueId v) const {
  Attributes attributes;
  for (std::string_view name : {"keepdims", "noop_with_empty_axes"})
    if (g_->has_attr(name)) attributes.emplace(name, g_->attr_int(name, 0));
  std::vector<ValueId> inputs{v};
  if (g_->has_attr("axes"))
    inputs.push_back(g_->constant_ints(g_->attr_ints("axes")));
  else if (g_->has_input(1))
    inputs.push_back(g_->in(1));
  return g_->emit("ReduceSum", std::move(inputs), std::move(attributes));
}

ValueId ReducedGrad::ratio(ValueId like) const {
  const Type &x = g_->graph().type(g_->in(0)), &y = g_->graph().type(g_->out(0));
  if (x.shape && y.shape && x.shape->known() && y.shape->known() && x.shape->num_elements() > 0)
    return g_->constant(static_cast<float>(static_cast<double>(y.shape->num_elements()) /
                                           static_cast<double>(x.shape->num_elements())),
                        like);
  const auto size = [&](ValueId v) { return g_->emit("CastLike", {g_->emit("Size", {v}), like}); };
  return g_->div(size(g_->out(0)), size(g_->in(0)));
}

void reduced_extreme_gradient(Grad& g) {
  const ReducedGrad r(g);
  const ValueId taken = g.emit("CastLike", {g.emit("Equal", {g.in(0), r.spread(g.out(0))}), g.in(0)});
  const ValueId count = r.sum(taken);
  r.give(g.mul(taken, r.spread(g.div(g.out_grad(0), count))));
}

}  // namespace dunlin::ops
