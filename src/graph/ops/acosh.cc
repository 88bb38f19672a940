#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]@2..4"}};
}

extern constexpr OpDef kAcosh{
    .name = "Acosh",
    .since = 9,
    .source = "ONNX Acosh",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::acosh(x); }); },
    .gradient =
        [](Grad& g) {
          const ValueId x = g.in(0);
          g.to_input(0, g.div(g.out_grad(0), g.emit("Sqrt", {g.sub(g.mul(x, x), g.constant(1, x))})));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
