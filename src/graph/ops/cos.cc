#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "f32[7]"}};
}

extern constexpr OpDef kCos{
    .name = "Cos",
    .since = 7,
    .source = "ONNX Cos",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::cos(x); }); },
    .gradient = [](Grad& g) { g.to_input(0, g.neg(g.mul(g.out_grad(0), g.emit("Sin", {g.in(0)})))); },
    .samples = kSamples};

}  // namespace dunlin::ops
