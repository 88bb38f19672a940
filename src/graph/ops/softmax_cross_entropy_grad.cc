#include <cmath>

#include "graph/ops/class_loss.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[] f32[4,3]@-3..0 i64{0,2,1,2}"},
    {"reduction='none' ignore_index=0", "f32[2,2] f32[2,3,2]@-3..0 i64[2,2]{0,2,1,2} f32{0.5,1,2}"},
};

void forward(const OpCall& c) {
  const Tensor& log_prob = c.input(1);
  const ClassTargets t = class_targets(c, log_prob.shape(), 2, 3);
  const std::vector<double> d = loss_gradients(c, t, 0);
  std::vector<double> dx = to_doubles(log_prob);
  const size_t step = static_cast<size_t>(t.inner), length = static_cast<size_t>(t.classes) * step;
  for (size_t s = 0; s < d.size(); ++s) {
    double* x = dx.data() + t.position(s);
    for (size_t i = 0; i < length; i += step) x[i] = t.label[s] < 0 ? 0 : d[s] * std::exp(x[i]);
    if (t.label[s] >= 0) x[static_cast<size_t>(t.label[s]) * step] -= d[s];
  }
  store_doubles(c, 0, dx);
}

}  // namespace

/// dscores of SoftmaxCrossEntropyLoss: dloss, log_prob[N,C,d...], labels[N,d...], weights[C] (optional)
/// {reduction, ignore_index} -> (softmax - one_hot(label)) * weight[label] * dloss, over the sum of weights
/// when the reduction is "mean"; 0 where ignored.
extern constexpr OpDef kSoftmaxCrossEntropyGrad{
    .name = "SoftmaxCrossEntropyGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX SoftmaxCrossEntropyLoss",
    .inputs = {3, 4},
    .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
    .forward = forward,
    .samples = kSamples};

}  // namespace dunlin::ops
