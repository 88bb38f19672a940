#include "graph/autodiff/grad.h"
#include "graph/ops/class_loss.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[4,3]@-3..0 i64{0,2,1,2}"},
    {"reduction='sum' ignore_index=-1", "f32[4,3]@-3..0 i32{0,-1,1,2} f32{0.5,1,2}"},
    {"reduction='none'", "f32[2,3,2]@-3..0 i64[2,2]{0,2,1,2} f32{0.5,1,2}"},
};

void forward(const OpCall& c) {
  const ClassTargets t = class_targets(c, c.input(0).shape(), 1, 2);
  const std::vector<double> x = to_doubles(c.input(0));
  std::vector<double> losses(t.label.size());
  for (size_t s = 0; s < losses.size(); ++s)
    losses[s] =
        t.label[s] < 0 ? 0 : -t.weight[s] * x[t.position(s) + static_cast<size_t>(t.label[s] * t.inner)];
  store_loss(c, t, std::move(losses));
}

void gradient(Grad& g) {
  std::vector<ValueId> inputs{g.out_grad(0), g.in(0), g.in(1)};
  if (g.has_input(2)) inputs.push_back(g.in(2));
  g.to_input(0, g.emit("NegativeLogLikelihoodGrad", std::move(inputs), g.node().attributes));
}

}  // namespace

extern constexpr OpDef kNegativeLogLikelihoodLoss{
    .name = "NegativeLogLikelihoodLoss",
    .since = 12,
    .source = "ONNX NegativeLogLikelihoodLoss",
    .inputs = {2, 3},
    .infer = [](const InferArgs& a) { return std::vector<Type>{class_loss_type(a)}; },
    .forward = forward,
    .gradient = gradient,
    .samples = kSamples};

}  // namespace dunlin::ops
