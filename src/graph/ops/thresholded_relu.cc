#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"alpha=0.2", "f32[7]"}};
}

extern constexpr OpDef kThresholdedRelu{
    .name = "ThresholdedRelu",
    .since = 10,
    .source = "ONNX ThresholdedRelu",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", 1);
          map_float(c, [=](auto x) { return x > alpha ? x : decltype(x)(0); });
        },
    .gradient =
        [](Grad& g) {
          const ValueId on = g.emit("Greater", {g.in(0), g.constant(g.attr_float("alpha", 1), g.in(0))});
          g.to_input(0, g.emit("Where", {on, g.out_grad(0), g.constant(0, g.in(0))}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
