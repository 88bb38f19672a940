#include <cmath>
#include <numbers>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"approximate='tanh'", "f32[7]@-6..6"}};
constexpr double kTanhScale = 0.79788456080286535588;  // sqrt(2 / pi)
}  // namespace

extern constexpr OpDef kGelu{
    .name = "Gelu",
    .since = 20,
    .source = "ONNX Gelu",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const bool tanh_form = c.attr_string("approximate", "none") == "tanh";
          map_float(c, [=](auto x) {
            using C = decltype(x);
            if (tanh_form) return x / 2 * (1 + std::tanh(C(kTanhScale) * (x + C(0.044715) * x * x * x)));
            return x / 2 * (1 + std::erf(x / std::numbers::sqrt2_v<C>));
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("GeluGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
