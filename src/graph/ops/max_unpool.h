// MaxUnpool and its gradient: where each element of X goes.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// X[N,C,in...] as MaxPool with these attributes takes it from; unknown dimensions stay unknown.
Shape unpooled_shape(const NodeView& a, const Shape& x);
/// Output 0's shape: input `i` when it is there, the unpooled shape otherwise.
Shape max_unpool_shape(const NodeView& a, const Shape& x, const Tensor* asked);
/// For each index (row major in the unpooled shape) the position in an output of shape y, which may be larger.
std::vector<size_t> unpooled_positions(const OpCall& c, const Shape& x, const Tensor& indices,
                                       const Shape& y);

}  // namespace dunlin::ops
