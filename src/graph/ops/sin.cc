#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "f32[7]"}};
}

extern constexpr OpDef kSin{
    .name = "Sin",
    .since = 7,
    .source = "ONNX Sin",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::sin(x); }); },
    .gradient = [](Grad& g) { g.to_input(0, g.mul(g.out_grad(0), g.emit("Cos", {g.in(0)}))); },
    .samples = kSamples};

}  // namespace dunlin::ops
