#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "f32[7]"}};
}

extern constexpr OpDef kTan{
    .name = "Tan",
    .since = 7,
    .source = "ONNX Tan",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::tan(x); }); },
    .gradient =
        [](Grad& g) {
          const ValueId y = g.out(0);
          g.to_input(0, g.mul(g.out_grad(0), g.add(g.mul(y, y), g.constant(1, y))));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
