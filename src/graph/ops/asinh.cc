#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "f32[7]"}};
}

extern constexpr OpDef kAsinh{
    .name = "Asinh",
    .since = 9,
    .source = "ONNX Asinh",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::asinh(x); }); },
    .gradient =
        [](Grad& g) {
          const ValueId x = g.in(0);
          g.to_input(0, g.div(g.out_grad(0), g.emit("Sqrt", {g.add(g.mul(x, x), g.constant(1, x))})));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
