#include "graph/ops/class_loss.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[] f32[4,3] i64{0,2,1,2}"},
    {"reduction='none' ignore_index=0", "f32[2,2] f32[2,3,2] i64[2,2]{0,2,1,2} f32{0.5,1,2}"}};

void forward(const OpCall& c) {
  const ClassTargets t = class_targets(c, c.input(1).shape(), 2, 3);
  const std::vector<double> d = loss_gradients(c, t, 0);
  std::vector<double> dx(static_cast<size_t>(c.input(1).num_elements()), 0.0);
  for (size_t s = 0; s < d.size(); ++s)
    if (t.label[s] >= 0) dx[t.position(s) + static_cast<size_t>(t.label[s] * t.inner)] = -d[s];
  store_doubles(c, 0, dx);
}

}  // namespace

/// dx of NegativeLogLikelihoodLoss: dloss, x (its shape only), labels, weights (optional)
/// {reduction, ignore_index} -> -weight[label] * dloss at the label, 0 elsewhere.
extern constexpr OpDef kNegativeLogLikelihoodGrad{
    .name = "NegativeLogLikelihoodGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX NegativeLogLikelihoodLoss",
    .inputs = {3, 4},
    .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
    .forward = forward,
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
