#include "graph/activation.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"activation='Silu'", "f32[2,3,5]@-4..4"},
                               {"activation='HardSwish'", "f32[3,7]@-4..4"},
                               {"activation='Gelu'", "f32[3,7]@-4..4"},
                               {"activation='GeluTanh'", "f32[3,7]@-4..4"},
                               {"activation='Mish'", "f32[3,7]@-4..4"},
                               {"activation='Clip' activation_a=-0.5 activation_b=1.5", "f32[17]@-4..4"}};
}

/// An activation of the kernels that ONNX spells as several nodes or not at all: passes make it, and nothing
/// exports it.
extern constexpr OpDef kActivation{
    .name = "Activation",
    .domain = kDunlinDomain,
    .source = "kernels/epilogue.h",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const Activation act = activation_attribute(c);
          map_float(c, [&](auto x) { return static_cast<decltype(x)>(apply(act, static_cast<double>(x))); });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("ActivationGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
