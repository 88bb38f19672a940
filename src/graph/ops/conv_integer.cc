#include "graph/ops/integer_product.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1]", "u8[1,2,4,3]@0..255 u8[3,2,3,3]@0..255 u8[]{128} u8{1,2,3}"},
    {"group=2 strides=[2]", "u8[2,4,5]@0..9 i8[4,2,2]@-9..9"},
    {"", "u8[1,1,3,3]@0..9 u8[1,1,2,2]@0..9 u8[1]{1}"}};
}

/// x, w, x_zero_point, w_zero_point -> Conv of x and w less their zero points, in 32 bits that wrap.
extern constexpr OpDef kConvInteger{
    .name = "ConvInteger",
    .since = 10,
    .source = "ONNX ConvInteger",
    .inputs = {2, 4},
    .infer =
        [](const InferArgs& a) {
          check_quantized(a, "x", a.format(0));
          check_quantized(a, "w", a.format(1));
          constexpr int kNoBias = 4;
          return std::vector<Type>{{.format = &formats::kI32, .shape = conv_shape(a, 0, 1, kNoBias)}};
        },
    .forward =
        [](const OpCall& c) {
          store_wrapped(c, integer_conv(c, {0, 2}, {1, 3}));
        },
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
