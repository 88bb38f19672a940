// Shapes and loops of MatMul and of BatchMatMul, its form with transposed operands.
#pragma once

#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

/// NumPy matmul of `a` (transposed in its last two axes when `trans_a`) and `b`. Vectors count as one row
/// (a) or one column (b), and the axis made for them is left out of the result.
Shape matmul_shape(const NodeView& node, const Shape& a, const Shape& b, bool trans_a, bool trans_b);

/// The dot products that make up y = a * b, for operands of any strides.
struct DotProducts {
  Shape batch;
  Strides a_batch, b_batch, y_batch;
  int64_t rows = 0, columns = 0, length = 0;
  int64_t a_row = 0, a_step = 0, b_column = 0, b_step = 0, y_row = 0, y_column = 0;
};
struct MatrixOperand {
  const Shape& shape;
  const Strides& strides;
  bool transposed = false;
};
DotProducts dot_products(const NodeView& node, MatrixOperand a, MatrixOperand b, const Strides& y_strides);

/// f(offset of the first element in a, the same in b, offset in y), neighbours being a_step and b_step apart.
template <typename F>
void for_each_dot(const DotProducts& d, F f) {
  if (d.rows == 0 || d.columns == 0) return;  // the other may be as large as a file likes
  for_each_strided(
      d.batch,
      [&](size_t, int64_t a, int64_t b, int64_t y) {
        for (int64_t m = 0; m < d.rows; ++m)
          for (int64_t n = 0; n < d.columns; ++n)
            f(a + m * d.a_row, b + n * d.b_column, y + m * d.y_row + n * d.y_column);
      },
      d.a_batch, d.b_batch, d.y_batch);
}

/// y = a * b by the scalar loop, summed in double.
void matmul_forward(const OpCall& c, bool trans_a, bool trans_b);

}  // namespace dunlin::ops
