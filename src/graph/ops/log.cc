#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]@1..3"}, {"", "f32[7]@1..3"}};
}

extern constexpr OpDef kLog{
    .name = "Log",
    .source = "ONNX Log",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::log(x); }); },
    .gradient = [](Grad& g) { g.to_input(0, g.div(g.out_grad(0), g.in(0))); },
    .samples = kSamples};

}  // namespace dunlin::ops
