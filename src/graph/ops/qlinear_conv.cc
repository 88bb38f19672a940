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

}  // namespace

/// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point (which gives the type), B.
extern constexpr OpDef kQLinearConv{
    .name = "QLinearConv",
    .since = 10,
    .source = "ONNX QLinearConv",
    .inputs = {8, 9},
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{
              {.format = quantized_product_format(a, "x", "w"), .shape = conv_shape(a, 0, 3, 8)}};
        },
    .forward = quantized_conv,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
