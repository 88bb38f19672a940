#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]@0..1"}};
}

/// dx = dy * (1 - y * y), from the output y of Tanh.
extern constexpr OpDef kTanhGrad{.name = "TanhGrad",
                                 .domain = kDunlinDomain,
                                 .source = "derivative of ONNX Tanh",
                                 .inputs = 2,
                                 .infer = infer_same,
                                 .forward =
                                     [](const OpCall& c) {
                                       for_float_format(c.input(0).format(), [&]<typename T>() {
                                         map_binary<T, T>(c,
                                                          [](auto dy, auto y) { return dy * (1 - y * y); });
                                       });
                                     },
                                 .samples = kSamples};

}  // namespace dunlin::ops
