#include "graph/ops/quantized_binary.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"",
     "u8[2,3,4,5]@0..255 f32[]{0.1} u8[]{9} i8[2,3,4,5]@-128..127 f32[]{0.07} i8[]{-3} f32[]{0.2} u8[]{100}"},
    {"min=-20 max=50", "i8[70]@-128..127 f32[]{1} _ i8[70]@-128..127 f32[1]{0.5} _ f32[]{0.9} i8[]{1}"},
    {"", "u8[2,1,3]@0..255 f32[]{0.1} u8[]{9} u8[4,1]@0..255 f32[]{0.3} u8[]{200} f32[]{0.2} i8[]{1}"}};
}

/// nearest((a - a_zero_point) * (a_scale / y_scale) + (b - b_zero_point) * (b_scale / y_scale)) + y_zero_point, each
/// step rounded to f32. Made by passes/recognize_quantized.h.
extern constexpr OpDef kQuantizedAdd{
    .name = "QuantizedAdd",
    .domain = kDunlinDomain,
    .source = "ONNX Add between DequantizeLinear and QuantizeLinear",
    .inputs = 8,
    .optional_inputs = 0b100100,
    .infer = infer_quantized_binary,
    .forward =
        [](const OpCall& c) {
          const double y = one_number(c, "the scale of y", c.input(6));
          const auto sa = static_cast<float>(one_number(c, "the scale of a", c.input(1)) / y),
                     sb = static_cast<float>(one_number(c, "the scale of b", c.input(4)) / y);
          quantized_binary(c, [=](int32_t a, int32_t b) {
            const float x = static_cast<float>(a) * sa, z = static_cast<float>(b) * sb;
            return x + z;
          });
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
