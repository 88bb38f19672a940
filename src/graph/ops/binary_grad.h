// Gradients of ops that broadcast two inputs, the old `axis` form included.
#pragma once

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

/// Input 1 with the trailing axes that opsets below 7 leave out (see aligned_shape).
inline ValueId second_input(Grad& g) {
  const Type &x = g.graph().type(g.in(0)), &y = g.graph().type(g.in(1));
  if (!x.shape || !y.shape) return g.in(1);
  const Shape aligned = aligned_shape(g, *x.shape, *y.shape);
  std::vector<int64_t> added;
  for (int i = y.shape->rank(); i < aligned.rank(); ++i) added.push_back(i);
  return added.empty() ? g.in(1) : g.emit("Unsqueeze", {g.in(1), g.constant_ints(std::move(added))});
}

/// Gives input i (0 or 1) a gradient of the broadcast shape.
inline void give_broadcast(Grad& g, int i, ValueId gradient) {
  if (!g.needs(i)) return;
  const ValueId like = i == 0 ? g.in(0) : second_input(g);
  gradient = g.reduce_to(gradient, like);
  g.to_input(i, like == g.in(i) ? gradient : g.emit("ReshapeLike", {gradient, g.in(i)}));
}

/// Max and Min: inputs that are the result in equal measure share the gradient, as in PyTorch's maximum.
inline void share_among_equal(Grad& g) {
  if (g.num_inputs() == 1) return g.to_input(0, g.out_grad(0));
  std::vector<ValueId> taken;
  ValueId count = kNoValue;
  for (int i = 0; i < g.num_inputs(); ++i) {
    taken.push_back(g.emit("CastLike", {g.emit("Equal", {g.in(i), g.out(0)}), g.out_grad(0)}));
    count = i == 0 ? taken[0] : g.add(count, taken.back());
  }
  const ValueId share = g.div(g.out_grad(0), count);
  for (int i = 0; i < g.num_inputs(); ++i)
    if (g.needs(i)) g.to_input(i, g.reduce_to(g.mul(share, taken[static_cast<size_t>(i)]), g.in(i)));
}

}  // namespace dunlin::ops
