#include <cmath>

#include "graph/ops/checks.h"
#include "graph/ops/optimizer_step.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"norm_coefficient=0.01 decay_factor=0.1 epsilon=1e-5",
     "f32[]{0.1} i64[]{3} f32[2,3] f32[2,3] f32[2,3]@0..1", 21, 2},
    {"", "f32[1]{0.1} i64[]{0} f64[2] f32[3] f64[2] f32[3] f64[2]@0..1 f32[3]@0..1", 21, 4}};

void forward(const OpCall& c) {
  const double decay = c.attr_float("decay_factor", 0), norm = c.attr_float("norm_coefficient", 0),
               epsilon = c.attr_float("epsilon", 1e-6f);
  const double rate = one_number(c, "R", c.input(0)) / (1 + one_number(c, "T", c.input(1)) * decay);
  run_optimizer_step(c, 1, [=](OptimizedElement& e) {
    const double g = norm * e.x + e.g;
    e.states[0] += g * g;
    e.x -= rate * g / (std::sqrt(e.states[0]) + epsilon);
  });
}

}  // namespace

/// R, T, X..., gradients..., squared gradients... -> new X..., new squared gradients...
extern constexpr OpDef kAdagrad{.name = "Adagrad",
                                .domain = kPreviewTrainingDomain,
                                .source = "ONNX ai.onnx.preview.training.Adagrad",
                                .inputs = {3, kVariadic},
                                .outputs = {1, kVariadic},
                                .infer = [](const InferArgs& a) { return infer_optimizer_step(a, 1); },
                                .forward = forward,
                                .samples = kSamples};

}  // namespace dunlin::ops
