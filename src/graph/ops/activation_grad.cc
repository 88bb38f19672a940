#include "graph/activation.h"

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"activation='Silu'", "f32[2,3,5] f32[2,3,5]@-4..4"},
                               {"activation='HardSwish'", "f32[3,7] f32[3,7]@-4..4"},
                               {"activation='Gelu'", "f32[3,7] f32[3,7]@-4..4"},
                               {"activation='GeluTanh'", "f32[3,7] f32[3,7]@-4..4"},
                               {"activation='Mish'", "f32[3,7] f32[3,7]@-4..4"}};
}

/// Derivative of dunlin.Activation: dy, x -> dx. Attributes of the Activation.
extern constexpr OpDef kActivationGrad{
    .name = "ActivationGrad",
    .domain = kDunlinDomain,
    .source = "derivative of dunlin.Activation",
    .inputs = 2,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const Activation act = activation_attribute(c);
          for_float_format(c.input(0).format(), [&]<typename T>() {
            map_binary<T, T>(c, [&](auto dy, auto x) {
              return static_cast<decltype(dy)>(static_cast<double>(dy) *
                                               derivative(act, static_cast<double>(x)));
            });
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
