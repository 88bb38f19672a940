#include "graph/autodiff/grad.h"
#include "graph/ops/group_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"num_groups=2", "f32[2,4,3] f32[4] f32[4]"},
                               {"num_groups=3 epsilon=0.01", "f32[1,3,2,2] f32[3] f32[3]"}};
constexpr Sample kSamples18[] = {{"num_groups=2", "f32[2,4,3] f32[2] f32[2]", 18}};

void forward(const OpCall& c) { group_norm_forward(c, c.attr_int("num_groups", 0)); }

void gradient(Grad& g) {
  const auto d =
      g.emit_many("GroupNormGrad", {g.out_grad(0), g.in(0), g.in(1)}, 3,
                  {{"epsilon", g.attr_float("epsilon", 1e-5f)}, {"num_groups", g.attr_int("num_groups", 0)}});
  for (int i = 0; i < 3; ++i) g.to_input(i, d[static_cast<size_t>(i)]);
}

constexpr OpDef kOpset18{
    .name = "GroupNormalization",
    .since = 18,
    .source = "ONNX GroupNormalization, one scale a group",
    .inputs = 3,
    .infer = [](const InferArgs& a) { return infer_group_norm(a, a.attr_int("num_groups", 0)); },
    .forward = forward,
    .gradient = gradient,
    .rtol = 1e-4f,
    .atol = 1e-5f,
    .samples = kSamples18};

}  // namespace

extern constexpr OpDef kGroupNormalization{
    .name = "GroupNormalization",
    .since = 21,
    .source = "ONNX GroupNormalization, one scale a channel",
    .inputs = 3,
    .infer = [](const InferArgs& a) { return infer_group_norm(a, num_channels(a, a.shape(0))); },
    .forward = forward,
    .gradient = gradient,
    .rtol = 1e-4f,
    .atol = 1e-5f,
    .samples = kSamples,
    .older = &kOpset18};

}  // namespace dunlin::ops
