#include "graph/ops/quantized_binary.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"",
     "u8[2,3,4,5]@0..255 f32[]{0.1} u8[]{9} i8[2,3,1,1]@-128..127 f32[]{0.07} i8[]{-3} f32[]{0.2} u8[]{100}"},
    {"min=-20 max=50", "i8[70]@-128..127 f32[]{1} _ i8[70]@-128..127 f32[1]{0.5} _ f32[]{9} i8[]{1}"},
    {"", "u8[2,3]@0..255 f32[]{0.1} u8[]{9} u8[2,1]@0..255 f32[]{0.3} u8[]{200} f32[]{2} i8[]{1}"}};
}

/// nearest((a - a_zero_point) * (b - b_zero_point) * (a_scale * b_scale / y_scale)) + y_zero_point, the product and the
/// scale rounded to f32. Made by passes/recognize_quantized.h.
extern constexpr OpDef kQuantizedMul{
    .name = "QuantizedMul",
    .domain = kDunlinDomain,
    .source = "ONNX Mul between DequantizeLinear and QuantizeLinear",
    .inputs = 8,
    .optional_inputs = 0b100100,
    .infer = infer_quantized_binary,
    .forward =
        [](const OpCall& c) {
          const auto scale = static_cast<float>(one_number(c, "the scale of a", c.input(1)) *
                                                one_number(c, "the scale of b", c.input(4)) /
                                                one_number(c, "the scale of y", c.input(6)));
          quantized_binary(c, [=](int32_t a, int32_t b) { return static_cast<float>(a * b) * scale; });
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
