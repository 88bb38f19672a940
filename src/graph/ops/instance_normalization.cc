#include "graph/autodiff/grad.h"
#include "graph/ops/group_norm.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,4] f32[3] f32[3]"},
                               {"epsilon=0.01", "f32[1,2,3,3] f32[2] f32[2]"}};
}

extern constexpr OpDef kInstanceNormalization{
    .name = "InstanceNormalization",
    .source = "ONNX InstanceNormalization",
    .inputs = 3,
    .infer = [](const InferArgs& a) { return infer_group_norm(a, num_channels(a, a.shape(0))); },
    .forward = [](const OpCall& c) { group_norm_forward(c, c.input(0).shape()[1]); },
    .gradient =
        [](Grad& g) {
          const auto d = g.emit_many("GroupNormGrad", {g.out_grad(0), g.in(0), g.in(1)}, 3,
                                     {{"epsilon", g.attr_float("epsilon", 1e-5f)}});
          for (int i = 0; i < 3; ++i) g.to_input(i, d[static_cast<size_t>(i)]);
        },
    .rtol = 1e-4f,
    .atol = 1e-5f,
    .samples = kSamples};

}  // namespace dunlin::ops
