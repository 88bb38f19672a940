#include "graph/ops/integer_product.h"

#include "graph/ops/channels.h"
#include "graph/ops/matmul.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

/// The scales of one operand for each element of y. `dropped`: the axis of y that a vector operand leaves out,
/// counted from the end; 0 for none.
std::vector<double> spread(const OpCall& c, int input, Shape aligned, int dropped) {
  const Shape& y = c.output(0).shape();
  if (dropped > 0 && aligned.rank() >= dropped) {
    std::vector<int64_t> dims = aligned.dims();
    dims.erase(dims.end() - dropped);
    aligned = Shape(std::move(dims));
  }
  const std::vector<double> scales = to_doubles(c.input(input));
  if (aligned.rank() > y.rank() || broadcast_shapes(c, y, aligned) != y)
    c.error("the scale {} does not fit {}", to_string(c.input(input).shape()), to_string(y));
  std::vector<double> out(static_cast<size_t>(y.num_elements()));
  for_each_strided(
      y, [&](size_t k, int64_t s) { out[k] = scales[static_cast<size_t>(s)]; },
      broadcast_strides(Tensor::over(&formats::kF32, aligned, row_major_strides(aligned), nullptr), y));
  return out;
}

std::vector<int64_t> bias_of(const OpCall& c) {
  return c.has_input(8) ? to_ints(c.input(8)) : std::vector<int64_t>{};
}

}  // namespace

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

void quantized_conv(const OpCall& c) {
  std::vector<int64_t> sums = integer_conv(c, {0, 2}, {3, 5});
  const Shape &w = c.input(3).shape(), &ys = c.output(0).shape();
  aligned_to_channels(c, "the scale of w", c.input(4).shape(), w);
  const std::vector<double> w_scale = to_doubles(c.input(4));
  const double x_scale = one_number(c, "the scale of x", c.input(1));
  const std::vector<int64_t> bias = bias_of(c);
  size_t plane = 1;
  for (int d = 2; d < ys.rank(); ++d) plane *= static_cast<size_t>(ys[d]);
  const auto channel = [&](size_t i) { return i / plane % static_cast<size_t>(w[0]); };
  if (!bias.empty())
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += bias[channel(i)];
  store_scaled(c, sums, [&](size_t i) { return x_scale * w_scale[w_scale.size() == 1 ? 0 : channel(i)]; });
}

void quantized_matmul(const OpCall& c) {
  const Shape &as = c.input(0).shape(), &bs = c.input(3).shape();
  std::vector<int64_t> sums = integer_matmul(c, {0, 2}, {3, 5});
  const std::vector<double> a_scale =
      spread(c, 1, aligned_to_rows(c, "the scale of A", c.input(1).shape(), as), bs.rank() == 1 ? 1 : 0);
  const std::vector<double> b_scale =
      spread(c, 4, aligned_to_columns(c, "the scale of B", c.input(4).shape(), bs), as.rank() == 1 ? 2 : 0);
  const std::vector<int64_t> bias = bias_of(c);
  if (!bias.empty())
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += bias[i % bias.size()];
  store_scaled(c, sums, [&](size_t i) { return a_scale[i] * b_scale[i]; });
}

Format quantized_product_format(const InferArgs& a, std::string_view x, std::string_view w) {
  check_quantized(a, x, a.format(0));
  check_quantized(a, w, a.format(3));
  if (a.has_input(8) && a.format(8) && a.format(8) != &formats::kI32)
    a.error("the bias is {}, i32 is expected", a.format(8)->name);
  if (!a.has_input(7)) return &formats::kF32;
  check_quantized(a, "the zero point of y", a.format(7));
  return a.format(7);
}

}  // namespace dunlin::ops
