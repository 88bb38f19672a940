#include "graph/ops/conv_transpose.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/channels.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[1,2,3,3] f32[2,3,3,3] f32[3]"},
    {"strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]", "f32[2,3,3,2] f32[3,2,3,3]"},
    {"strides=[2] dilations=[2] group=2", "f32[1,4,3] f32[4,1,2] f32[2]"},
    {"strides=[3,2] auto_pad='SAME_UPPER'", "f32[1,1,2,3] f32[1,2,3,3]"},
    {"strides=[3,2] output_shape=[8,6]", "f32[1,1,2,3] f32[1,2,3,3]"},
    {"strides=[2,1,2] pads=[1,0,0,0,1,1] output_padding=[1,0,0]", "f32[1,2,2,3,2] f32[2,3,2,3,2] f32[3]"},
    {"group=2 dilations=[1,2,1]", "f32[2,4,2,2,2] f32[4,1,2,2,3]"},
    {"group=3 strides=[2,2] pads=[0,1,1,0]", "f32[1,3,3,4] f32[3,1,3,3] f32[3]"},
    {"strides=[2] auto_pad='SAME_LOWER'", "f32[2,2,4] f32[2,2,3]"},
    {"dilations=[2,3]", "f32[1,2,3,2] f32[2,2,2,2]"},
    {"strides=[1000000000,1000000000]", "f32[1,1,1,1] f32[1,1,1,2]"},
};

}  // namespace

TransposedConv transposed_conv(const NodeView& a, const Shape& x, const Shape& w) {
  const int rank = x.rank() - 2;
  if (rank < 1 || w.rank() != x.rank())
    a.error("X is {}, W is {}: [N, C, spatial...] and [C, M/group, kernel...] are expected", to_string(x),
            to_string(w));
  constexpr int64_t kMost = int64_t{1} << 31;
  const int64_t group = a.attr_int("group", 1);
  if (group < 1 || (w[0] >= 0 && w[0] % group != 0))
    a.error("X is {}, W is {}, group {}: channels do not fit", to_string(x), to_string(w), group);
  if (x[1] >= 0 && w[0] >= 0 && x[1] != w[0])
    a.error("X is {}, W is {}: channels differ", to_string(x), to_string(w));
  if (w[1] > 0 && group > (int64_t{1} << 48) / w[1])
    a.error("W is {}, group {}: there are too many channels", to_string(w), group);
  for (int d = 2; d < x.rank(); ++d)
    if (x[d] > kMost / 2 || w[d] > kMost / 2)
      a.error("X is {}, W is {}: spatial axes of 2^30 elements at most are supported", to_string(x),
              to_string(w));
  const size_t r = static_cast<size_t>(rank);
  const auto sizes = [&](std::string_view name, size_t count, int64_t otherwise) {
    const std::vector<int64_t> v = a.attr_ints(name, std::vector<int64_t>(count, otherwise));
    if (v.size() != count) a.error("{} has {} entries, {} are expected", name, v.size(), count);
    for (int64_t s : v)
      if (s < -kMost || s > kMost) a.error("{} holds {}, -2^31 to 2^31 is expected", name, s);
    return v;
  };
  const std::vector<int64_t> pads = sizes("pads", 2 * r, 0), extra = sizes("output_padding", r, 0);
  std::vector<int64_t> wanted = a.attr_ints("output_shape");
  for (int64_t s : wanted)
    if (s < 0 || s > kMost) a.error("output_shape holds {}, 0 to 2^31 is expected", s);
  if (wanted.size() == r + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  const std::string auto_pad = a.attr_string("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID" && auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER")
    a.error("auto_pad is {}, NOTSET, VALID, SAME_UPPER or SAME_LOWER is expected", auto_pad);
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  TransposedConv out;
  Window& v = out.window;
  v.stride = sizes("strides", r, 1);
  v.dilation = sizes("dilations", r, 1);
  out.y = Shape{x[0], w[1] < 0 ? kUnknownDim : w[1] * group};
  for (size_t d = 0; d < r; ++d) {
    const int64_t in = x[static_cast<int>(d) + 2];
    v.kernel.push_back(w[static_cast<int>(d) + 2]);
    v.out.push_back(in);
    if (v.stride[d] < 1 || v.dilation[d] < 1) a.error("strides and dilations must be at least 1");
    const int64_t full = v.stride[d] * (in - 1) + extra[d] + (v.kernel[d] - 1) * v.dilation[d] + 1;
    int64_t begin = pads[d], end = pads[r + d];
    if (auto_pad == "VALID") begin = end = 0;
    if (in >= 0 && (same || wanted.size() == r)) {
      const int64_t size = wanted.size() == r ? wanted[d] : in * v.stride[d];
      const int64_t total = std::max<int64_t>(full - size, 0);
      // ONNX: the odd element goes to the end for SAME_UPPER, to the beginning otherwise. What a larger
      // output needs (end < 0) is added at the end.
      begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      end = full - size - begin;
    }
    v.pad_begin.push_back(begin);
    v.pad_end.push_back(end);
    const bool known = in >= 0 && v.kernel[d] >= 0;
    if (known && full - begin - end < 0) a.error("the output of spatial axis {} would be negative", d);
    out.y.push_back(known ? full - begin - end : kUnknownDim);
  }
  return out;
}

namespace {

void forward(const OpCall& c) {
  const Tensor &x = c.input(0), &w = c.input(1);
  const TransposedConv a = transposed_conv(c, x.shape(), w.shape());
  const ConvGeometry g = conv_geometry(c, a.window, a.y, w.shape());
  const std::vector<double> bias = c.has_input(2) ? to_doubles(c.input(2)) : std::vector<double>{};
  std::vector<double> sums(static_cast<size_t>(a.y.num_elements()), 0.0);
  for_float_format(x.format(), [&]<typename T>() {
    const T *in = x.data<T>(), *weight = w.data<T>();
    double v = 0;
    for_each_conv_output(
        g, row_major_strides(a.y), w.strides(), x.strides(), [&](int64_t i) { v = to_double(in[i]); },
        [&](int64_t o, int64_t k) { sums[static_cast<size_t>(o)] += v * to_double(weight[k]); },
        [](int64_t, int64_t) {});
  });
  const size_t channels = static_cast<size_t>(a.y[1]);
  const size_t inner =
      channels == 0 || a.y[0] == 0 ? 1 : sums.size() / static_cast<size_t>(a.y[0]) / channels;
  if (!bias.empty())
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += bias[i / inner % channels];
  store_doubles(c, 0, sums);
}

void gradient(Grad& g) {
  const Type x = g.graph().type(g.in(0)), w = g.graph().type(g.in(1));
  if (!x.shape || !w.shape || !w.shape->known())
    g.unsupported("the rank of X and the shape of W must be known to differentiate");
  // Only then do pads depend on sizes.
  const std::string auto_pad = g.attr_string("auto_pad", "NOTSET");
  if (auto_pad.starts_with("SAME") || g.has_attr("output_shape"))
    for (int d = 2; d < x.shape->rank(); ++d)
      if ((*x.shape)[d] < 0)
        g.unsupported(
            "X is {}: spatial sizes must be known to differentiate with output_shape or auto_pad {}",
            to_string(*x.shape), auto_pad);
  const Window v = transposed_conv(g, *x.shape, *w.shape).window;
  std::vector<int64_t> pads = v.pad_begin;
  pads.insert(pads.end(), v.pad_end.begin(), v.pad_end.end());
  const Attributes conv{
      {"strides", v.stride}, {"dilations", v.dilation}, {"pads", pads}, {"group", g.attr_int("group", 1)}};
  const ValueId dy = g.out_grad(0);
  if (g.needs(0)) g.to_input(0, g.emit("Conv", {dy, g.in(1)}, conv));
  if (g.needs(1)) g.to_input(1, g.emit("ConvGradWeight", {g.in(0), dy, g.in(1)}, conv));
  if (g.needs(2)) g.to_input(2, g.emit("BiasGrad", {dy}));
}

}  // namespace

extern constexpr OpDef kConvTranspose{
    .name = "ConvTranspose",
    .source = "ONNX ConvTranspose",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          const Shape y = transposed_conv(a, a.shape(0), a.shape(1)).y;
          if (a.has_shape(2) && a.shape(2).known() && y[1] >= 0 && a.shape(2) != Shape{y[1]})
            a.error("the bias is {}, [{}] is expected", to_string(a.shape(2)), y[1]);
          return std::vector<Type>{{.format = a.format(0), .shape = y}};
        },
    .forward = forward,
    .gradient = gradient,
    .samples = kSamples};

}  // namespace dunlin::ops
