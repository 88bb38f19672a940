#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"alpha=0.3 beta=0.4", "f32[7]"}};
}

extern constexpr OpDef kHardSigmoid{
    .name = "HardSigmoid",
    .source = "ONNX HardSigmoid",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", 0.2f), beta = c.attr_float("beta", 0.5f);
          map_float(c, [=](auto x) {
            using C = decltype(x);
            return std::clamp(alpha * x + beta, C(0), C(1));
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("HardSigmoidGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
