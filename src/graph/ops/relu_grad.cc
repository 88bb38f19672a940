#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]"}};
}

/// dx = dy where y > 0, else 0. Reads the output y, so that Relu may run in place.
extern constexpr OpDef kReluGrad{.name = "ReluGrad",
                                 .domain = kDunlinDomain,
                                 .source = "derivative of ONNX Relu",
                                 .inputs = 2,
                                 .infer = infer_same,
                                 .forward =
                                     [](const OpCall& c) {
                                       for_float_format(c.input(0).format(), [&]<typename T>() {
                                         map_binary<T, T>(
                                             c, [](auto dy, auto y) { return y > 0 ? dy : decltype(dy)(0); });
                                       });
                                     },
                                 .samples = kSamples};

}  // namespace dunlin::ops
