#include "graph/ops/integer_product.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "u8[2,3]@0..255 f32[]{0.01} u8[]{113} u8[3,4]@0..255 f32[]{0.02} u8[]{99} f32[]{0.05} u8[]{118}"},
    {"", "u8[2,2,3]@0..255 f32{0.01,0.5} u8{1,2} i8[3,2]@-9..9 f32{0.1,0.3} i8{-1,4} f32[1]{0.1} i8[1]{-3}"},
    {"", "u8[2,3]@0..255 f16[]{0.5} u8[]{9} i8[3,2]{1,-2,3,4,5,6} f16[]{0.25} i8[]{0} f16[]{2} u8[]{3}"},
    {"", "i8[3]@-9..9 f32[]{1} i8[]{0} i8[3]@-9..9 f32[]{1} i8[]{0} f32[]{2} i8[]{0}"},
};

}  // namespace

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point (which gives the type).
extern constexpr OpDef kQLinearMatMul{
    .name = "QLinearMatMul",
    .since = 10,
    .source = "ONNX QLinearMatMul",
    .inputs = 8,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{{.format = quantized_product_format(a, "a", "b"),
                                    .shape = matmul_shape(a, a.shape(0), a.shape(3), false, false)}};
        },
    .forward = quantized_matmul,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
