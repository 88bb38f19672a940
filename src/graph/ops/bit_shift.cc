#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"direction='LEFT'", "u8[2,3]@0..255 u8[3]@0..9"},
                               {"direction='RIGHT'", "u32[4]@0..9999 u32[4]@0..9"}};
}

extern constexpr OpDef kBitShift{.name = "BitShift",
                                 .since = 11,
                                 .source = "ONNX BitShift",
                                 .inputs = 2,
                                 .infer = infer_broadcast,
                                 .forward =
                                     [](const OpCall& c) {
                                       const bool left = c.attr_string("direction", "") == "LEFT";
                                       for_integer_format(c.input(0).format(), [&]<typename T>() {
                                         map_binary<T, T>(c, [=](auto x, auto y) {
                                           using U = uint64_t;
                                           if (static_cast<U>(y) >= 8 * sizeof(x)) return U{0};
                                           return left ? static_cast<U>(x) << y : static_cast<U>(x) >> y;
                                         });
                                       });
                                     },
                                 .stops_gradient = true,
                                 .samples = kSamples};

}  // namespace dunlin::ops
