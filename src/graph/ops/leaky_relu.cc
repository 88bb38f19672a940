#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"alpha=0.2", "f32[7]"}};
}

extern constexpr OpDef kLeakyRelu{
    .name = "LeakyRelu",
    .source = "ONNX LeakyRelu",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", 0.01f);
          map_float(c, [=](auto x) { return x >= 0 ? x : alpha * x; });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("LeakyReluGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
