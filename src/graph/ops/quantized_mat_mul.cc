#include "graph/ops/integer_product.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

// Given weights are constants, as the kernels want them.
constexpr Sample kSamples[] = {
    {"min=20",
     "u8[5,3]@0..255 f32[]{0.01} u8[]{113} i8[3,4]{1,-2,127,-128,5,6,-70,80,9,-100,11,12} "
     "f32{0.1,0.2,0.01,0.03} "
     "_ f32[]{0.05} u8[]{118} i32{-500,1,2000,77}"},
    {"", "i8[2,2,3]@-128..127 f32[]{0.02} i8[]{-3} u8[3,2]{255,2,130,4,128,60} f32[]{0.1} u8[]{128}"},
    {"", "u8[2,3]@0..255 f32[2]{0.02,0.3} _ i8[3,2]@-9..9 f32[]{0.1} _ f32[]{0.5} i8[]{3} i32[2]@-99..99"},
};

}  // namespace

/// QLinearMatMul plus B (i32, one for each column), whose result is kept within attributes min and max, or is f32 when
/// y_scale and y_zero_point are left out: a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale,
/// y_zero_point, B. Made by passes/recognize_quantized.h.
extern constexpr OpDef kQuantizedMatMul{
    .name = "QuantizedMatMul",
    .domain = kDunlinDomain,
    .source = "ONNX QLinearMatMul, Add and Clip",
    .inputs = {5, 9},
    .optional_inputs = 0b100,
    .infer =
        [](const InferArgs& a) {
          const Shape y = matmul_shape(a, a.shape(0), a.shape(3), false, false);
          if (a.has_shape(8) && a.shape(8).known() && y.rank() > 0 && y[y.rank() - 1] >= 0 &&
              a.shape(8) != Shape{y[y.rank() - 1]})
            a.error("the bias is {}, [{}] is expected", to_string(a.shape(8)), y[y.rank() - 1]);
          return std::vector<Type>{{.format = quantized_product_format(a, "a", "b"), .shape = y}};
        },
    .forward = quantized_matmul,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
