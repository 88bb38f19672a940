#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]@-6..6"}};
}

/// dx = dy * (x / 3 + 1/2) where -3 <= x <= 3, 0 below, dy above; PyTorch has it so at the ends.
extern constexpr OpDef kHardSwishGrad{.name = "HardSwishGrad",
                                      .domain = kDunlinDomain,
                                      .source = "derivative of ONNX HardSwish",
                                      .inputs = 2,
                                      .infer = infer_same,
                                      .forward =
                                          [](const OpCall& c) {
                                            for_float_format(c.input(0).format(), [&]<typename T>() {
                                              map_binary<T, T>(c, [](auto dy, auto x) {
                                                using C = decltype(x);
                                                return x < -3 ? C(0) : x > 3 ? dy : dy * (x / 3 + C(0.5));
                                              });
                                            });
                                          },
                                      .samples = kSamples};

}  // namespace dunlin::ops
