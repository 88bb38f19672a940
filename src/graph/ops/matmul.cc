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

void matmul_forward(const OpCall& c, bool trans_a, bool trans_b) {
  const Tensor &a = c.input(0), &b = c.input(1);
  const Operand x = operand(a.shape(), trans_a, true), y = operand(b.shape(), trans_b, false);
  const Shape batch = broadcast_shapes(c, x.batch, y.batch);
  // Strides of row, column and batch axes of each operand.
  const auto split = [&](const Tensor& t, bool transposed, bool vector_is_row, int64_t& row,
                         int64_t& column) {
    const Strides& s = t.strides();
    if (t.shape().rank() == 1) {
      row = vector_is_row ? 0 : s[0];
      column = vector_is_row ? s[0] : 0;
      return Strides(static_cast<size_t>(batch.rank()), 0);
    }
    row = s[s.size() - (transposed ? 1 : 2)];
    column = s[s.size() - (transposed ? 2 : 1)];
    Strides out(static_cast<size_t>(batch.rank()), 0);
    const size_t lead = out.size() + 2 - s.size();
    for (size_t i = 0; i + 2 < s.size(); ++i)
      if (t.shape()[static_cast<int>(i)] != 1) out[lead + i] = s[i];
    return out;
  };
  for_format(a.format(), [&]<typename T>() {
    int64_t am, ak, bk, bn;
    const Strides as = split(a, trans_a, true, am, ak), bs = split(b, trans_b, false, bk, bn);
    Tensor& out = c.output(0);
    const Strides& os = out.strides();
    size_t last = os.size();
    const int64_t on = b.shape().rank() > 1 ? os[--last] : 0, om = a.shape().rank() > 1 ? os[--last] : 0;
    const Strides out_batch(os.begin(), os.begin() + static_cast<int64_t>(last));
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* po = out.data<T>();
    for_each_strided(
        batch,
        [&](size_t, int64_t ia, int64_t ib, int64_t io) {
          for (int64_t m = 0; m < x.rows; ++m)
            for (int64_t n = 0; n < y.columns; ++n) {
              double sum = 0;
              for (int64_t k = 0; k < x.columns; ++k)
                sum += to_double(pa[ia + m * am + k * ak]) * to_double(pb[ib + k * bk + n * bn]);
              po[io + m * om + n * on] = from_double<T>(sum);
            }
        },
        as, bs, out_batch);
  });
}

}  // namespace dunlin::ops
