#include "graph/ops/window.h"

#include <algorithm>

#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {

void fill_spatial(ConvGeometry& g, const Window& window, const Shape& x) {
  for (size_t d = 0; d < window.kernel.size(); ++d) {
    g.in[d] = x[static_cast<int>(d) + 2];
    g.out[d] = window.out[d];
    g.kernel[d] = window.kernel[d];
    g.stride[d] = window.stride[d];
    g.dilation[d] = window.dilation[d];
    g.pad[d] = window.pad_begin[d];
  }
}

int64_t ceil_div(int64_t x, int64_t y) { return (x + y - 1) / y; }

}  // namespace

Window read_window(const NodeView& a, const Shape& input, std::vector<int64_t> kernel) {
  const int rank = input.rank() - 2;
  if (rank < 1) a.error("the input is {}, [N, C, spatial...] is expected", to_string(input));
  const size_t r = static_cast<size_t>(rank);
  if (kernel.size() != r)
    a.error("the kernel has {} axes, the input {} has {} spatial ones", kernel.size(), to_string(input),
            rank);
  Window w;
  w.kernel = bounded(a, "the kernel", std::move(kernel), r, 1);
  w.stride = bounded_attribute(a, "strides", r, 1, 1);
  w.dilation = bounded_attribute(a, "dilations", r, 1, 1);
  const std::vector<int64_t> pads = bounded_attribute(a, "pads", 2 * r, 0, -(int64_t{1} << 31));
  w.pad_begin.assign(pads.begin(), pads.begin() + rank);
  w.pad_end.assign(pads.begin() + rank, pads.end());
  const std::string auto_pad = a.attr_string("auto_pad", "NOTSET");
  const bool ceil_mode = a.attr_int("ceil_mode", 0) != 0;
  for (size_t d = 0; d < r; ++d) {
    const int64_t in = input[static_cast<int>(d) + 2];
    const int64_t reach = (w.kernel[d] - 1) * w.dilation[d] + 1;
    const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
    if (!same && auto_pad != "NOTSET" && auto_pad != "VALID" && !auto_pad.empty())
      a.error("auto_pad is {}, NOTSET, VALID, SAME_UPPER or SAME_LOWER is expected", auto_pad);
    if (auto_pad == "VALID") w.pad_begin[d] = w.pad_end[d] = 0;
    if (in < 0) {
      w.out.push_back(kUnknownDim);
      continue;
    }
    if (same) {
      const int64_t out = ceil_div(in, w.stride[d]);
      const int64_t total = std::max<int64_t>((out - 1) * w.stride[d] + reach - in, 0);
      w.pad_begin[d] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.pad_end[d] = total - w.pad_begin[d];
      w.out.push_back(out);
      continue;
    }
    const int64_t room = in + w.pad_begin[d] + w.pad_end[d] - reach;
    // With ceil_mode a window may reach beyond the padded input, the first one included.
    if (room < 0 && !(ceil_mode && room > -w.stride[d]))
      a.error("the kernel reaches over {} elements of spatial axis {}, the padded input has {}", reach, d,
              in + w.pad_begin[d] + w.pad_end[d]);
    int64_t out = (ceil_mode ? ceil_div(room, w.stride[d]) : room / w.stride[d]) + 1;
    // A last window that would start in the end padding is not taken (PyTorch, and ONNX since opset 19).
    if (ceil_mode && (out - 1) * w.stride[d] >= in + w.pad_begin[d]) --out;
    w.out.push_back(out);
  }
  return w;
}

ConvGeometry conv_geometry(const NodeView& a, const Shape& x, const Shape& w) {
  if (x.rank() < 3 || x.rank() != w.rank())
    a.error("X is {}, W is {}: [N, C, spatial...] and [M, C/group, kernel...] are expected", to_string(x),
            to_string(w));
  return conv_geometry(a, read_window(a, x, {w.begin() + 2, w.end()}), x, w);
}

ConvGeometry conv_geometry(const NodeView& a, const Window& window, const Shape& x, const Shape& w) {
  if (x.rank() > 5) a.unsupported("X is {}: up to three spatial axes are supported", to_string(x));
  ConvGeometry g;
  g.n = x[0];
  g.groups = a.attr_int("group", 1);
  if (g.groups < 1 || w[0] % g.groups != 0 || x[1] % g.groups != 0 || x[1] / g.groups != w[1])
    a.error("X is {}, W is {}, group {}: channels do not fit", to_string(x), to_string(w), g.groups);
  g.c = w[1];
  g.m = w[0] / g.groups;
  fill_spatial(g, window, x);
  return g;
}

Shape conv_shape(const InferArgs& a, int x_input, int w_input, int bias) {
  const Shape &x = a.shape(x_input), &w = a.shape(w_input);
  if (x.rank() < 3 || x.rank() != w.rank())
    a.error("X is {}, W is {}: [N, C, spatial...] and [M, C/group, kernel...] are expected", to_string(x),
            to_string(w));
  if (!Shape(std::vector<int64_t>(w.begin() + 2, w.end())).known())
    return Shape(std::vector<int64_t>(x.dims().size(), kUnknownDim));
  const Window window = read_window(a, x, {w.begin() + 2, w.end()});
  const auto kernel = a.attr_ints("kernel_shape", window.kernel);
  if (kernel != window.kernel) a.error("kernel_shape disagrees with W {}", to_string(w));
  if (x[1] >= 0 && w[1] >= 0 && w[0] >= 0) conv_geometry(a, window, x, w);
  if (a.has_shape(bias) && a.shape(bias).known() && w[0] >= 0 && a.shape(bias) != Shape{w[0]})
    a.error("the bias is {}, [{}] is expected", to_string(a.shape(bias)), w[0]);
  Shape y{x[0], w[0]};
  for (int64_t d : window.out) y.push_back(d);
  return y;
}

ConvGeometry pool_geometry(const NodeView& a, const Shape& x) {
  const Window window = read_window(a, x, a.attr_ints("kernel_shape"));
  if (x.rank() > 5) a.unsupported("X is {}: up to three spatial axes are supported", to_string(x));
  ConvGeometry g;
  g.n = x[0];
  g.groups = x[1];
  g.c = g.m = 1;
  fill_spatial(g, window, x);
  return g;
}

Shape pool_shape(const NodeView& a, const Shape& x) {
  if (!a.has_attr("kernel_shape")) a.error("kernel_shape is missing");
  const Window window = read_window(a, x, a.attr_ints("kernel_shape"));
  Shape y{x[0], x[1]};
  for (int64_t d : window.out) y.push_back(d);
  return y;
}

std::array<int64_t, 5> conv_strides(const Strides& strides) {
  std::array<int64_t, 5> out{};
  std::copy(strides.begin(), strides.end(), out.begin());
  return out;
}

}  // namespace dunlin::ops
