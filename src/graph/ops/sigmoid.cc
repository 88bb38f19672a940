#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}};
}

extern constexpr OpDef kSigmoid{
    .name = "Sigmoid",
    .source = "ONNX Sigmoid",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return 1 / (1 + std::exp(-x)); }); },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("SigmoidGrad", {g.out_grad(0), g.out(0)}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
