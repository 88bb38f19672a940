#include "graph/ops/integer_product.h"

#include "graph/ops/matmul.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

std::vector<int64_t> integer_matmul(const OpCall& c, IntegerOperand a, IntegerOperand b) {
  const Shape &as = c.input(a.input).shape(), &bs = c.input(b.input).shape(), &ys = c.output(0).shape();
  const Tensor *za = optional_input(c, a.zero_point), *zb = optional_input(c, b.zero_point);
  const std::vector<int32_t> pa =
      centred(c, a.input, za, za ? aligned_to_rows(c, "the zero point of A", za->shape(), as) : Shape{});
  const std::vector<int32_t> pb =
      centred(c, b.input, zb, zb ? aligned_to_columns(c, "the zero point of B", zb->shape(), bs) : Shape{});
  const DotProducts d =
      dot_products(c, {as, row_major_strides(as)}, {bs, row_major_strides(bs)}, row_major_strides(ys));
  std::vector<int64_t> y(static_cast<size_t>(ys.num_elements()));
  for_each_dot(d, [&](int64_t ia, int64_t ib, int64_t iy) {
    int64_t sum = 0;
    for (int64_t k = 0; k < d.length; ++k)
      sum += int64_t{pa[static_cast<size_t>(ia + k * d.a_step)]} * pb[static_cast<size_t>(ib + k * d.b_step)];
    y[static_cast<size_t>(iy)] = sum;
  });
  return y;
}

std::vector<int64_t> integer_conv(const OpCall& c, IntegerOperand x, IntegerOperand w) {
  const Shape &xs = c.input(x.input).shape(), &ws = c.input(w.input).shape(), &ys = c.output(0).shape();
  const Tensor *zx = optional_input(c, x.zero_point), *zw = optional_input(c, w.zero_point);
  if (zx) one_number(c, "the zero point of x", *zx);
  const std::vector<int32_t> px = centred(c, x.input, zx, {});
  const std::vector<int32_t> pw =
      centred(c, w.input, zw, zw ? aligned_to_channels(c, "the zero point of w", zw->shape(), ws) : Shape{});
  std::vector<int64_t> y(static_cast<size_t>(ys.num_elements()));
  int64_t sum = 0;
  for_each_conv_output(
      conv_geometry(c, xs, ws), row_major_strides(xs), row_major_strides(ws), row_major_strides(ys),
      [&](int64_t) { sum = 0; },
      [&](int64_t i, int64_t k) { sum += int64_t{px[static_cast<size_t>(i)]} * pw[static_cast<size_t>(k)]; },
      [&](int64_t o, int64_t) { y[static_cast<size_t>(o)] = sum; });
  return y;
}

void store_wrapped(const OpCall& c, const std::vector<int64_t>& sums) {
  const auto y = c.out<int32_t>(0);
  for (size_t i = 0; i < sums.size(); ++i) y[i] = static_cast<int32_t>(sums[i]);
}

}  // namespace dunlin::ops
