#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1]", "f32[2,3,5,4] f32[4,3,3,3] f32[2,18,5,4] f32[4]"},
    {"strides=[2,1] dilations=[1,2] group=2 offset_group=2",
     "f32[1,4,7,6] f32[6,2,3,2] f32[1,24,3,4] _ f32[1,12,3,4]"},
    {"kernel_shape=[2,2]", "f32[1,2,3,3] f32[1,2,2,2] f32[1,8,2,2]@-3..3 f32[1] f32[1,4,2,2]"},
};

struct Sizes {
  Window window;
  int64_t groups, offset_groups;
  Shape y;
};

Sizes sizes_of(const NodeView& a, const Shape& x, const Shape& w, const Shape& offset, const Shape* mask) {
  if (x.rank() != 4 || w.rank() != 4)
    a.unsupported("X is {}, W {}: two spatial axes are supported", to_string(x), to_string(w));
  for (const Shape* s : {&x, &w, &offset})
    if (!s->known()) throw NotYetKnown{};
  Sizes s{.window = read_window(a, x, {w[2], w[3]}),
          .groups = a.attr_int("group", 1),
          .offset_groups = a.attr_int("offset_group", 1),
          .y = {}};
  if (const std::vector<int64_t> kernel = a.attr_ints("kernel_shape", {w[2], w[3]});
      kernel != std::vector<int64_t>{w[2], w[3]})
    a.error("kernel_shape does not agree with W, which is {}", to_string(w));
  if (s.groups < 1 || w[0] % s.groups != 0 || x[1] % s.groups != 0 || x[1] / s.groups != w[1])
    a.error("X has {} channels, W is {}, group {}", x[1], to_string(w), s.groups);
  if (s.offset_groups < 1 || x[1] % s.offset_groups != 0)
    a.error("X has {} channels, which offset_group {} does not divide", x[1], s.offset_groups);
  const auto expect = [&](std::string_view what, const Shape& got, int64_t channels) {
    const Shape expected{x[0], channels, s.window.out[0], s.window.out[1]};
    if (got != expected) a.error("{} is {}, {} is expected", what, to_string(got), to_string(expected));
  };
  if (s.offset_groups > (int64_t{1} << 31) || w[2] * w[3] > (int64_t{1} << 31))
    a.error("W is {}", to_string(w));
  expect("offset", offset, s.offset_groups * w[2] * w[3] * 2);
  if (mask && mask->known()) expect("mask", *mask, s.offset_groups * w[2] * w[3]);
  s.y = {x[0], w[0], s.window.out[0], s.window.out[1]};
  return s;
}

/// Between the four elements around (h, w); those outside the image are 0.
double sampled(const double* plane, int64_t height, int64_t width, double h, double w) {
  if (!(h > -1 && w > -1 && h < static_cast<double>(height) && w < static_cast<double>(width))) return 0;
  const auto top = static_cast<int64_t>(std::floor(h)), left = static_cast<int64_t>(std::floor(w));
  const double down = h - static_cast<double>(top), right = w - static_cast<double>(left);
  const auto at = [&](int64_t i, int64_t j) {
    return i < 0 || j < 0 || i >= height || j >= width ? 0.0 : plane[i * width + j];
  };
  return (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1)) +
         down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
}

void forward(const OpCall& c) {
  const Shape &xs = c.input(0).shape(), &ws = c.input(1).shape();
  const Tensor* mask_input = optional_input(c, 4);
  const Sizes s = sizes_of(c, xs, ws, c.input(2).shape(), mask_input ? &mask_input->shape() : nullptr);
  const std::vector<double> x = to_doubles(c.input(0)), w = to_doubles(c.input(1)),
                            offset = to_doubles(c.input(2));
  const std::vector<double> bias = c.has_input(3) ? to_doubles(c.input(3)) : std::vector<double>();
  const std::vector<double> mask = mask_input ? to_doubles(*mask_input) : std::vector<double>();
  if (!bias.empty() && static_cast<int64_t>(bias.size()) != ws[0])
    c.error("B has {} elements, {} are expected", bias.size(), ws[0]);
  const int64_t taps = ws[2] * ws[3], out_h = s.y[2], out_w = s.y[3], places = out_h * out_w;
  std::vector<double> y(static_cast<size_t>(s.y.num_elements()), 0.0);
  std::vector<double> column(static_cast<size_t>(xs[1] * taps));
  const int64_t of_offset = xs[1] / s.offset_groups, of_group = ws[0] / s.groups;
  for (int64_t n = 0; n < xs[0]; ++n)
    for (int64_t p = 0; p < places; ++p) {
      for (int64_t ch = 0; ch < xs[1]; ++ch)
        for (int64_t k = 0; k < taps; ++k) {
          const int64_t tap = ch / of_offset * taps + k, all = s.offset_groups * taps;
          const auto moved = [&](int64_t axis) {
            return offset[static_cast<size_t>(((n * all + tap) * 2 + axis) * places + p)];
          };
          const auto start = [&](size_t axis, int64_t o, int64_t i) {
            return static_cast<double>(o * s.window.stride[axis] + i * s.window.dilation[axis] -
                                       s.window.pad_begin[axis]);
          };
          double v =
              sampled(x.data() + (n * xs[1] + ch) * xs[2] * xs[3], xs[2], xs[3],
                      start(0, p / out_w, k / ws[3]) + moved(0), start(1, p % out_w, k % ws[3]) + moved(1));
          if (!mask.empty()) v *= mask[static_cast<size_t>((n * all + tap) * places + p)];
          column[static_cast<size_t>(ch * taps + k)] = v;
        }
      for (int64_t m = 0; m < ws[0]; ++m) {
        const double* in = column.data() + m / of_group * ws[1] * taps;
        double sum = bias.empty() ? 0 : bias[static_cast<size_t>(m)];
        for (int64_t i = 0; i < ws[1] * taps; ++i)
          sum += in[i] * w[static_cast<size_t>(m * ws[1] * taps + i)];
        y[static_cast<size_t>((n * ws[0] + m) * places + p)] = sum;
      }
    }
  store_doubles(c, 0, y);
}

}  // namespace

/// X, W, offset [N, offset_group * kernel * 2 (down, right), out], B, mask [N, offset_group * kernel, out]: a
/// convolution each of whose taps looks somewhere else, as strongly as the mask says.
extern constexpr OpDef kDeformConv{
    .name = "DeformConv",
    .since = 19,
    .source = "ONNX DeformConv; Zhu et al., arXiv 1811.11168",
    .inputs = {3, 5},
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          const Shape* mask = a.has_input(4) ? &a.shape(4) : nullptr;
          return std::vector<Type>{
              {.format = a.format(0), .shape = sizes_of(a, a.shape(0), a.shape(1), a.shape(2), mask).y}};
        },
    .forward = forward,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
