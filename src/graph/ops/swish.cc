#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6", 24}, {"alpha=1.7", "f32[7]@-6..6", 24}};
}

/// y = x * sigmoid(alpha * x)
extern constexpr OpDef kSwish{
    .name = "Swish",
    .since = 24,
    .source = "ONNX Swish",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", 1);
          map_float(c, [=](auto x) { return x / (1 + std::exp(-alpha * x)); });
        },
    .gradient =
        [](Grad& g) {  // y' = s + x alpha s (1 - s) with s = sigmoid(alpha x)
          const ValueId x = g.in(0), ax = g.mul(x, g.constant(g.attr_float("alpha", 1), x));
          const ValueId s = g.emit("Sigmoid", {ax});
          g.to_input(0, g.mul(g.out_grad(0), g.add(s, g.emit("SigmoidGrad", {ax, s}))));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
