#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "f32[7]"}, {"", "i32[5]@-9..9"}};
}

extern constexpr OpDef kSign{.name = "Sign",
                             .since = 9,
                             .source = "ONNX Sign",
                             .inputs = 1,
                             .infer = infer_same,
                             .forward =
                                 [](const OpCall& c) {
                                   for_number_format(c.input(0).format(), [&]<typename T>() {
                                     map_unary<T>(c, [](auto x) { return (x > 0) - (x < 0); });
                                   });
                                 },
                             .stops_gradient = true,
                             .samples = kSamples};

}  // namespace dunlin::ops
