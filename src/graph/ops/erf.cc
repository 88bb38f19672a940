#include <cmath>
#include <numbers>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]@-2..2"}};
}

extern constexpr OpDef kErf{
    .name = "Erf",
    .since = 9,
    .source = "ONNX Erf",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::erf(x); }); },
    .gradient =
        [](Grad& g) {
          const ValueId bell = g.emit("Exp", {g.neg(g.mul(g.in(0), g.in(0)))});
          g.to_input(
              0, g.mul(g.out_grad(0), g.mul(bell, g.constant(2 * std::numbers::inv_sqrtpi_v<float>, bell))));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
