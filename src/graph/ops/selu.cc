#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"alpha=0.5 gamma=2.0", "f32[7]"}};
constexpr float kAlpha = 1.67326319217681884765625f, kGamma = 1.05070102214813232421875f;
}  // namespace

extern constexpr OpDef kSelu{
    .name = "Selu",
    .source = "ONNX Selu",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", kAlpha), gamma = c.attr_float("gamma", kGamma);
          map_float(c, [=](auto x) { return gamma * (x >= 0 ? x : alpha * std::expm1(x)); });
        },
    .gradient =
        [](Grad& g) {
          const float alpha = g.attr_float("alpha", kAlpha), gamma = g.attr_float("gamma", kGamma);
          const ValueId d = g.emit("EluGrad", {g.out_grad(0), g.in(0)}, {{"alpha", alpha}});
          g.to_input(0, g.mul(d, g.constant(gamma, d)));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
