#include "graph/ops/integer_product.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "u8[2,3]@0..255 u8[3,4]@0..255 u8[]{9} u8[]{3}"},
                               {"", "i8[2,3]@-9..9 u8[2,3,4]@0..9 i8{1,2} u8{1,2,3,4}"},
                               {"", "u8[2,2,3]@0..9 i8[2,3,2]@-9..9 u8[2,2,1]{1,2,3,4} i8[2,1,2]{1,2,3,4}"},
                               {"", "u8[3]@0..9 u8[3]@0..9"},
                               {"", "u8[2,0] u8[0,2]"}};
}

/// A, B, a_zero_point, b_zero_point -> (A - a_zero_point) * (B - b_zero_point), in 32 bits that wrap.
extern constexpr OpDef kMatMulInteger{
    .name = "MatMulInteger",
    .since = 10,
    .source = "ONNX MatMulInteger",
    .inputs = {2, 4},
    .infer =
        [](const InferArgs& a) {
          check_quantized(a, "A", a.format(0));
          check_quantized(a, "B", a.format(1));
          return std::vector<Type>{
              {.format = &formats::kI32, .shape = matmul_shape(a, a.shape(0), a.shape(1), false, false)}};
        },
    .forward =
        [](const OpCall& c) {
          store_wrapped(c, integer_matmul(c, {0, 2}, {1, 3}));
        },
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
