#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}};
}

extern constexpr OpDef kMish{
    .name = "Mish",
    .since = 18,
    .source = "ONNX Mish",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          map_float(c, [](auto x) {
            return x * std::tanh(std::max(x, decltype(x)(0)) + std::log1p(std::exp(-std::abs(x))));
          });
        },
    .gradient =
        [](Grad& g) {  // y = x t with t = tanh(softplus(x)): y' = t + x (1 - t t) sigmoid(x)
          const ValueId x = g.in(0), t = g.emit("Tanh", {g.emit("Softplus", {x})});
          const ValueId rest = g.emit("TanhGrad", {g.mul(x, g.emit("Sigmoid", {x})), t});
          g.to_input(0, g.mul(g.out_grad(0), g.add(t, rest)));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
