#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

/// A vector as a matrix; batch axes in front.
struct Operand {
  Shape batch;
  int64_t rows, columns;
};

Operand operand(const Shape& s, bool transposed, bool vector_is_row) {
  if (s.rank() == 1) return vector_is_row ? Operand{{}, 1, s[0]} : Operand{{}, s[0], 1};
  const int64_t r = s[s.rank() - 2], c = s[s.rank() - 1];
  Shape batch;
  for (int i = 0; i + 2 < s.rank(); ++i) batch.push_back(s[i]);
  return {batch, transposed ? c : r, transposed ? r : c};
}

}  // namespace

Shape matmul_shape(const NodeView& node, const Shape& a, const Shape& b, bool trans_a, bool trans_b) {
  if (a.rank() == 0 || b.rank() == 0)
    node.error("A is {}, B is {}: scalars are not allowed", to_string(a), to_string(b));
  const Operand x = operand(a, trans_a, true), y = operand(b, trans_b, false);
  if (x.columns >= 0 && y.rows >= 0 && x.columns != y.rows)
    node.error("A is {}, B is {}: inner sizes differ", to_string(a), to_string(b));
  Shape out = broadcast_shapes(node, x.batch, y.batch);
  if (a.rank() > 1) out.push_back(x.rows);
  if (b.rank() > 1) out.push_back(y.columns);
  return out;
}

DotProducts dot_products(const NodeView& node, MatrixOperand a, MatrixOperand b, const Strides& y_strides) {
  const Operand x = operand(a.shape, a.transposed, true), y = operand(b.shape, b.transposed, false);
  DotProducts d;
  d.batch = broadcast_shapes(node, x.batch, y.batch);
  d.rows = x.rows;
  d.columns = y.columns;
  d.length = x.columns;
  // Strides of row, column and batch axes of each operand.
  const auto split = [&](const MatrixOperand& t, bool vector_is_row, int64_t& row, int64_t& column) {
    const Strides& s = t.strides;
    Strides out(static_cast<size_t>(d.batch.rank()), 0);
    if (t.shape.rank() == 1) {
      row = vector_is_row ? 0 : s[0];
      column = vector_is_row ? s[0] : 0;
      return out;
    }
    row = s[s.size() - (t.transposed ? 1 : 2)];
    column = s[s.size() - (t.transposed ? 2 : 1)];
    const size_t lead = out.size() + 2 - s.size();
    for (size_t i = 0; i + 2 < s.size(); ++i)
      if (t.shape[static_cast<int>(i)] != 1) out[lead + i] = s[i];
    return out;
  };
  d.a_batch = split(a, true, d.a_row, d.a_step);
  d.b_batch = split(b, false, d.b_step, d.b_column);
  size_t last = y_strides.size();
  if (b.shape.rank() > 1) d.y_column = y_strides[--last];
  if (a.shape.rank() > 1) d.y_row = y_strides[--last];
  d.y_batch.assign(y_strides.begin(), y_strides.begin() + static_cast<int64_t>(last));
  return d;
}

void matmul_forward(const OpCall& c, bool trans_a, bool trans_b) {
  const Tensor &a = c.input(0), &b = c.input(1);
  const DotProducts d = dot_products(c, {a.shape(), a.strides(), trans_a}, {b.shape(), b.strides(), trans_b},
                                     c.output(0).strides());
  for_format(a.format(), [&]<typename T>() {
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* y = c.output(0).data<T>();
    for_each_dot(d, [&](int64_t ia, int64_t ib, int64_t iy) {
      ProductSum<T> sum = 0;
      for (int64_t k = 0; k < d.length; ++k)
        sum += to_sum(pa[ia + k * d.a_step]) * to_sum(pb[ib + k * d.b_step]);
      y[iy] = to_element<T>(sum);
    });
  });
}

}  // namespace dunlin::ops
