// Shapes and loops of MatMul and of BatchMatMul, its form with transposed operands.
#pragma once

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

/// NumPy matmul of `a` (transposed in its last two axes when `trans_a`) and `b`. Vectors count as one row
/// (a) or one column (b), and the axis made for them is left out of the result.
Shape matmul_shape(const NodeView& node, const Shape& a, const Shape& b, bool trans_a, bool trans_b);

/// y = a * b by the scalar loop, summed in double.
void matmul_forward(const OpCall& c, bool trans_a, bool trans_b);

}  // namespace dunlin::ops
