#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}};
}

extern constexpr OpDef kHardSwish{.name = "HardSwish",
                                  .since = 14,
                                  .source = "ONNX HardSwish",
                                  .inputs = 1,
                                  .infer = infer_same,
                                  .forward =
                                      [](const OpCall& c) {
                                        map_float(c, [](auto x) {
                                          using C = decltype(x);
                                          return x * std::clamp(x / 6 + C(0.5), C(0), C(1));
                                        });
                                      },
                                  .gradient =
                                      [](Grad& g) {
                                        g.to_input(0, g.emit("HardSwishGrad", {g.out_grad(0), g.in(0)}));
                                      },
                                  .samples = kSamples};

}  // namespace dunlin::ops
