#include "graph/ops/checks.h"
#include "graph/ops/optimizer_step.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"norm_coefficient=0.01 alpha=0.8 beta=0.9 mode='standard'",
                                "f32[]{0.1} i64[]{3} f32[2,3] f32[2,3] f32[2,3]", 21, 2},
                               {"norm_coefficient=0.01 alpha=0.8 beta=0.9 mode='nesterov'",
                                "f32[]{0.1} i64[]{0} f32[2] f64[3] f32[2] f64[3] f32[2] f64[3]", 21, 4}};

bool nesterov(const NodeView& a) {
  const std::string mode = a.attr_string("mode", "");
  if (mode != "nesterov" && mode != "standard")
    a.error("mode is \"{}\", standard or nesterov is expected", mode);
  return mode == "nesterov";
}

void forward(const OpCall& c) {
  const double alpha = c.attr_float("alpha", 0), norm = c.attr_float("norm_coefficient", 0),
               rate = one_number(c, "R", c.input(0));
  const double beta = one_number(c, "T", c.input(1)) > 0 ? static_cast<double>(c.attr_float("beta", 0)) : 1;
  const bool ahead = nesterov(c);
  run_optimizer_step(c, 1, [=](OptimizedElement& e) {
    const double g = norm * e.x + e.g;
    e.states[0] = alpha * e.states[0] + beta * g;
    e.x -= rate * (ahead ? g + alpha * e.states[0] : e.states[0]);
  });
}

}  // namespace

/// R, T, X..., gradients..., momenta... -> new X..., new momenta...
extern constexpr OpDef kMomentum{.name = "Momentum",
                                 .domain = kPreviewTrainingDomain,
                                 .source = "ONNX ai.onnx.preview.training.Momentum",
                                 .inputs = {3, kVariadic},
                                 .outputs = {1, kVariadic},
                                 .infer =
                                     [](const InferArgs& a) {
                                       for (const char* name : {"alpha", "beta", "norm_coefficient"})
                                         if (!a.has_attr(name)) a.error("attribute {} is missing", name);
                                       nesterov(a);
                                       return infer_optimizer_step(a, 1);
                                     },
                                 .forward = forward,
                                 .samples = kSamples};

}  // namespace dunlin::ops
