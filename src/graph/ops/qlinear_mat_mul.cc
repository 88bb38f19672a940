#include "graph/ops/channels.h"
#include "graph/ops/integer_product.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "u8[2,3]@0..255 f32[]{0.01} u8[]{113} u8[3,4]@0..255 f32[]{0.02} u8[]{99} f32[]{0.05} u8[]{118}"},
    {"", "u8[2,2,3]@0..255 f32{0.01,0.5} u8{1,2} i8[3,2]@-9..9 f32{0.1,0.3} i8{-1,4} f32[1]{0.1} i8[1]{-3}"},
    {"", "i8[3]@-9..9 f32[]{1} i8[]{0} i8[3]@-9..9 f32[]{1} i8[]{0} f32[]{2} i8[]{0}"},
};

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

void forward(const OpCall& c) {
  const Shape &as = c.input(0).shape(), &bs = c.input(3).shape();
  const std::vector<int64_t> sums = integer_matmul(c, {0, 2}, {3, 5});
  const std::vector<double> a_scale =
      spread(c, 1, aligned_to_rows(c, "the scale of A", c.input(1).shape(), as), bs.rank() == 1 ? 1 : 0);
  const std::vector<double> b_scale =
      spread(c, 4, aligned_to_columns(c, "the scale of B", c.input(4).shape(), bs), as.rank() == 1 ? 2 : 0);
  const double y_scale = one_number(c, "the scale of y", c.input(6)),
               y_zero = one_number(c, "the zero point of y", c.input(7));
  for_quantized_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i)
      y[i] = saturate<T>(std::nearbyint(static_cast<double>(sums[i]) * a_scale[i] * b_scale[i] / y_scale) +
                         y_zero);
  });
}

}  // namespace

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point (which gives the type).
extern constexpr OpDef kQLinearMatMul{
    .name = "QLinearMatMul",
    .since = 10,
    .source = "ONNX QLinearMatMul",
    .inputs = 8,
    .infer =
        [](const InferArgs& a) {
          check_quantized(a, "a", a.format(0));
          check_quantized(a, "b", a.format(3));
          check_quantized(a, "the zero point of y", a.format(7));
          return std::vector<Type>{
              {.format = a.format(7), .shape = matmul_shape(a, a.shape(0), a.shape(3), false, false)}};
        },
    .forward = forward,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
