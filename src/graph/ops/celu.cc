#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"alpha=0.5", "f32[7]"}};
}

extern constexpr OpDef kCelu{
    .name = "Celu",
    .since = 12,
    .source = "ONNX Celu",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", 1);
          map_float(c, [=](auto x) { return x >= 0 ? x : alpha * std::expm1(x / alpha); });
        },
    .gradient =
        [](Grad& g) {
          const float alpha = g.attr_float("alpha", 1);
          const ValueId slope = g.emit("Exp", {g.div(g.in(0), g.constant(alpha, g.in(0)))});
          g.to_input(0, g.mul(g.out_grad(0), g.emit("Min", {slope, g.constant(1, slope)})));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
