#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]@-6..6"}};
}

/// dx = alpha * dy where 0 < alpha * x + beta < 1, else 0. Attributes alpha and beta of the HardSigmoid.
extern constexpr OpDef kHardSigmoidGrad{.name = "HardSigmoidGrad",
                                        .domain = kDunlinDomain,
                                        .source = "derivative of ONNX HardSigmoid",
                                        .inputs = 2,
                                        .infer = infer_same,
                                        .forward =
                                            [](const OpCall& c) {
                                              const float alpha = c.attr_float("alpha", 0.2f),
                                                          beta = c.attr_float("beta", 0.5f);
                                              for_float_format(c.input(0).format(), [&]<typename T>() {
                                                map_binary<T, T>(c, [=](auto dy, auto x) {
                                                  const auto y = alpha * x + beta;
                                                  return y > 0 && y < 1 ? alpha * dy : decltype(dy)(0);
                                                });
                                              });
                                            },
                                        .samples = kSamples};

}  // namespace dunlin::ops
