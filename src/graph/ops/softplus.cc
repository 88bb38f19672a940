#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}};
}

extern constexpr OpDef kSoftplus{
    .name = "Softplus",
    .source = "ONNX Softplus",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          map_float(c,
                    [](auto x) { return std::max(x, decltype(x)(0)) + std::log1p(std::exp(-std::abs(x))); });
        },
    .gradient = [](Grad& g) { g.to_input(0, g.mul(g.out_grad(0), g.emit("Sigmoid", {g.in(0)}))); },
    .samples = kSamples};

}  // namespace dunlin::ops
