#include "graph/ops/integer_product.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

// Given weights are constants, as the kernels want them.
constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1] min=30 max=200",
     "u8[2,2,5,4]@0..255 f32[]{0.01} u8[]{128} i8[3,2,1,2]{100,-128,127,3,-5,60,7,0,-9,90,-33,12} "
     "f32{0.1,0.02,1} i8{0,0,0} f32[]{0.3} u8[]{7} i32{-900,50,7}"},
    {"strides=[2] group=2",
     "i8[2,4,5]@-128..127 f32[1]{0.1} i8[1]{3} u8[2,2,2]{200,0,128,7,255,64,90,130} f32[]{1} u8[]{128}"},
    {"group=3 pads=[2,1,0,1] dilations=[2,1]",
     "u8[1,3,5,4]@0..255 f32[]{0.01} u8[]{3} i8[3,1,2,3]{9,8,7,6,5,4,-3,-2,-1,0,1,2,3,100,-100,50,-50,127} "
     "f32{0.1,0.02,1} _ f32[]{0.05} i8[]{-7} i32{-90,500,7}"},
    {"", "u8[1,2,4]@0..255 f32[]{1} _ i8[2,2,2]@-99..99 f32[]{0.5} _ f32[]{3} u8[]{7} i32[2]@-99..99"},
};

}  // namespace

/// QLinearConv whose result is kept within attributes min and max, or is f32 when y_scale and y_zero_point are left
/// out: x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B (i32). Made by
/// passes/recognize_quantized.h.
extern constexpr OpDef kQuantizedConv{
    .name = "QuantizedConv",
    .domain = kDunlinDomain,
    .source = "ONNX QLinearConv and Clip",
    .inputs = {5, 9},
    .optional_inputs = 0b100,
    .infer =
        [](const InferArgs& a) {
          constexpr int kBias = 8;
          return std::vector<Type>{
              {.format = quantized_product_format(a, "x", "w"), .shape = conv_shape(a, 0, 3, kBias)}};
        },
    .forward = quantized_conv,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
