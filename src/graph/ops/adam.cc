#include <cmath>

#include "graph/ops/checks.h"
#include "graph/ops/optimizer_step.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"norm_coefficient=0.01 alpha=0.8 beta=0.9 epsilon=1e-5",
     "f32[]{0.1} i64[]{3} f32[2,3] f32[2,3] f32[2,3] f32[2,3]@0..1", 21, 3},
    {"norm_coefficient_post=0.02",
     "f32[]{0.1} i64[]{0} f32[2] f64[3] f32[2] f64[3] f32[2] f64[3] f32[2]@0..1 f64[3]@0..1", 21, 6}};

void forward(const OpCall& c) {
  const double alpha = c.attr_float("alpha", 0.9f), beta = c.attr_float("beta", 0.999f),
               norm = c.attr_float("norm_coefficient", 0),
               norm_post = c.attr_float("norm_coefficient_post", 0), epsilon = c.attr_float("epsilon", 1e-6f);
  double rate = one_number(c, "R", c.input(0));
  const double t = one_number(c, "T", c.input(1));
  if (t > 0) rate *= std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t));
  run_optimizer_step(c, 2, [=](OptimizedElement& e) {
    const double g = norm * e.x + e.g;
    e.states[0] = alpha * e.states[0] + (1 - alpha) * g;
    e.states[1] = beta * e.states[1] + (1 - beta) * g * g;
    e.x = (1 - norm_post) * (e.x - rate * e.states[0] / (std::sqrt(e.states[1]) + epsilon));
  });
}

}  // namespace

/// R, T, X..., gradients..., their running means..., and of their squares... -> new X..., new means...
extern constexpr OpDef kAdam{.name = "Adam",
                             .domain = kPreviewTrainingDomain,
                             .source = "ONNX ai.onnx.preview.training.Adam",
                             .inputs = {3, kVariadic},
                             .outputs = {1, kVariadic},
                             .infer = [](const InferArgs& a) { return infer_optimizer_step(a, 2); },
                             .forward = forward,
                             .samples = kSamples};

}  // namespace dunlin::ops
