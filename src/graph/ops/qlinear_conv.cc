#include "graph/ops/channels.h"
#include "graph/ops/integer_product.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1]",
     "u8[1,2,4,3]@0..255 f32[]{0.01} u8[]{128} i8[3,2,3,3]@-99..99 f32{0.1,0.02,1} i8{1,2,3} f32[]{0.3} "
     "u8[]{7} "
     "i32[3]@-99..99"},
    {"group=2 strides=[2]",
     "u8[2,4,5]@0..99 f32[1]{0.1} u8[1]{3} u8[4,2,2]@0..99 f32[]{1} u8[]{50} f32[]{2} i8[]{0}"},
};

void forward(const OpCall& c) {
  const std::vector<int64_t> sums = integer_conv(c, {0, 2}, {3, 5});
  const Shape &w = c.input(3).shape(), &ys = c.output(0).shape();
  aligned_to_channels(c, "the scale of w", c.input(4).shape(), w);
  const std::vector<double> w_scale = to_doubles(c.input(4));
  const double x_scale = one_number(c, "the scale of x", c.input(1)),
               y_scale = one_number(c, "the scale of y", c.input(6));
  const double y_zero = one_number(c, "the zero point of y", c.input(7));
  const std::vector<int64_t> bias = c.has_input(8) ? to_ints(c.input(8)) : std::vector<int64_t>{};
  size_t plane = 1;
  for (int d = 2; d < ys.rank(); ++d) plane *= static_cast<size_t>(ys[d]);
  for_quantized_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i) {
      const size_t m = i / plane % static_cast<size_t>(w[0]);
      const double sum = static_cast<double>(sums[i] + (bias.empty() ? 0 : bias[m]));
      const double scale = x_scale * w_scale[w_scale.size() == 1 ? 0 : m] / y_scale;
      y[i] = saturate<T>(std::nearbyint(sum * scale) + y_zero);
    }
  });
}

}  // namespace

/// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point (which gives the type), B.
extern constexpr OpDef kQLinearConv{
    .name = "QLinearConv",
    .since = 10,
    .source = "ONNX QLinearConv",
    .inputs = {8, 9},
    .infer =
        [](const InferArgs& a) {
          check_quantized(a, "x", a.format(0));
          check_quantized(a, "w", a.format(3));
          check_quantized(a, "the zero point of y", a.format(7));
          if (a.has_input(8) && a.format(8) && a.format(8) != &formats::kI32)
            a.error("the bias is {}, i32 is expected", a.format(8)->name);
          return std::vector<Type>{{.format = a.format(7), .shape = conv_shape(a, 0, 3, 8)}};
        },
    .forward = forward,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
