#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]@1..3"}, {"", "f32[7]@1..3"}};
}

extern constexpr OpDef kReciprocal{
    .name = "Reciprocal",
    .source = "ONNX Reciprocal",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return 1 / x; }); },
    .gradient = [](Grad& g) { g.to_input(0, g.neg(g.mul(g.out_grad(0), g.mul(g.out(0), g.out(0))))); },
    .samples = kSamples};

}  // namespace dunlin::ops
