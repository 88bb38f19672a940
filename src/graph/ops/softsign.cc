#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}};
}

extern constexpr OpDef kSoftsign{
    .name = "Softsign",
    .source = "ONNX Softsign",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return x / (1 + std::abs(x)); }); },
    .gradient =
        [](Grad& g) {
          const ValueId one = g.constant(1, g.in(0));
          const ValueId d = g.add(g.emit("Abs", {g.in(0)}), one);
          g.to_input(0, g.div(g.out_grad(0), g.mul(d, d)));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
