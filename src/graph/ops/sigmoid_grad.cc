#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]@0..1"}};
}

/// dx = dy * y * (1 - y), from the output y of Sigmoid.
extern constexpr OpDef kSigmoidGrad{.name = "SigmoidGrad",
                                    .domain = kDunlinDomain,
                                    .source = "derivative of ONNX Sigmoid",
                                    .inputs = 2,
                                    .infer = infer_same,
                                    .forward =
                                        [](const OpCall& c) {
                                          for_float_format(c.input(0).format(), [&]<typename T>() {
                                            map_binary<T, T>(
                                                c, [](auto dy, auto y) { return dy * y * (1 - y); });
                                          });
                                        },
                                    .samples = kSamples};

}  // namespace dunlin::ops
