#include "graph/ops/quantized_binary.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "u8[2,70,4,5]@0..255 f32[]{0.1} u8[]{9} f32[]{0.09} u8[]{11}"},
    {"", "i8[1,2,7]@-128..127 f32[1]{0.3} _ f32[]{0.1} i8[]{-4}"},
};

void forward(const OpCall& c) {
  const Tensor* zero = optional_input(c, 2);
  if (zero) one_number(c, "the zero point of x", *zero);
  const std::vector<int32_t> x = centred(c, 0, zero, {});
  const size_t planes = static_cast<size_t>(c.output(0).num_elements()),
               plane = planes ? x.size() / planes : 0;
  const auto scale =
      static_cast<float>(one_number(c, "the scale of x", c.input(1)) /
                         (one_number(c, "the scale of y", c.input(3)) * static_cast<double>(plane)));
  store_quantized(c, 4, planes, [&](size_t i) {
    int64_t sum = 0;
    for (size_t k = i * plane; k < (i + 1) * plane; ++k) sum += x[k];
    return static_cast<float>(sum) * scale;
  });
}
}  // namespace

/// x, x_scale, x_zero_point, y_scale, y_zero_point -> nearest(sum of (x - x_zero_point) * (x_scale / (y_scale *
/// pixels))) + y_zero_point, the scale and the product rounded to f32. Made by passes/recognize_quantized.h.
extern constexpr OpDef kQuantizedGlobalAveragePool{
    .name = "QuantizedGlobalAveragePool",
    .domain = kDunlinDomain,
    .source = "ONNX GlobalAveragePool between DequantizeLinear and QuantizeLinear",
    .inputs = 5,
    .optional_inputs = 0b100,
    .infer =
        [](const InferArgs& a) {
          check_quantized(a, "x", a.format(0));
          check_quantized(a, "the zero point of y", a.format(4));
          std::vector<Type> out = infer_global_pool(a);
          out[0].format = a.format(4);
          return out;
        },
    .forward = forward,
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
