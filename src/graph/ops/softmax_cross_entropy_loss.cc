#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/class_loss.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[4,3]@-3..3 i64{0,2,1,2}", 21, 2},
    {"reduction='sum' ignore_index=-1", "f32[4,3]@-3..3 i32{0,-1,1,2} f32{0.5,1,2}"},
    {"reduction='none'", "f32[2,3,2]@-3..3 i64[2,2]{0,2,1,2} f32{0.5,1,2}", 12, 2},
    {"reduction='mean' ignore_index=1", "f32[2,3,2,1]@-3..3 i64[2,2,1]{0,2,1,2} f32{0.5,1,2}"},
};

void forward(const OpCall& c) {
  const Tensor& scores = c.input(0);
  const ClassTargets t = class_targets(c, scores.shape(), 1, 2);
  std::vector<double> log_prob = to_doubles(scores), losses(t.label.size());
  const size_t step = static_cast<size_t>(t.inner), length = static_cast<size_t>(t.classes) * step;
  for (size_t s = 0; s < losses.size(); ++s) {
    double* x = log_prob.data() + t.position(s);
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < length; i += step) max = std::max(max, x[i]);
    for (size_t i = 0; i < length; i += step) sum += std::exp(x[i] - max);
    const double shift = max + std::log(sum);
    for (size_t i = 0; i < length; i += step) x[i] -= shift;
    losses[s] = t.label[s] < 0 ? 0 : -t.weight[s] * x[static_cast<size_t>(t.label[s]) * step];
  }
  store_loss(c, t, std::move(losses));
  store_doubles(c, 1, log_prob);
}

/// The log-probabilities are a second output: kept when the node has it (passes/training_mode.h adds it),
/// recomputed otherwise.
void gradient(Grad& g) {
  const Attributes along_classes{{"axis", int64_t{1}}};
  const ValueId log_prob = g.out(1) != kNoValue ? g.out(1) : g.emit("LogSoftmax", {g.in(0)}, along_classes);
  ValueId d = kNoValue;
  if (g.out_grad(0) != kNoValue) {
    std::vector<ValueId> inputs{g.out_grad(0), log_prob, g.in(1)};
    if (g.has_input(2)) inputs.push_back(g.in(2));
    d = g.emit("SoftmaxCrossEntropyGrad", std::move(inputs), g.node().attributes);
  }
  if (g.num_outputs() > 1 && g.out_grad(1) != kNoValue) {
    const ValueId more = g.emit("LogSoftmaxGrad", {g.out_grad(1), log_prob}, along_classes);
    d = d == kNoValue ? more : g.add(d, more);
  }
  g.to_input(0, d);
}

}  // namespace

extern constexpr OpDef kSoftmaxCrossEntropyLoss{.name = "SoftmaxCrossEntropyLoss",
                                                .since = 12,
                                                .source = "ONNX SoftmaxCrossEntropyLoss",
                                                .inputs = {2, 3},
                                                .outputs = {1, 2},
                                                .infer =
                                                    [](const InferArgs& a) {
                                                      return std::vector<Type>{class_loss_type(a), a.type(0)};
                                                    },
                                                .forward = forward,
                                                .gradient = gradient,
                                                .samples = kSamples};

}  // namespace dunlin::ops
