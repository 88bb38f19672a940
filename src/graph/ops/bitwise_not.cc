#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "i32[5]@-9..9"}, {"", "u8[2,3]@0..255"}};
}

extern constexpr OpDef kBitwiseNot{.name = "BitwiseNot",
                                   .since = 18,
                                   .source = "ONNX BitwiseNot",
                                   .inputs = 1,
                                   .infer = infer_same,
                                   .forward =
                                       [](const OpCall& c) {
                                         for_integer_format(c.input(0).format(), [&]<typename T>() {
                                           map_unary<T>(c, [](auto x) { return ~x; });
                                         });
                                       },
                                   .stops_gradient = true,
                                   .samples = kSamples};

}  // namespace dunlin::ops
