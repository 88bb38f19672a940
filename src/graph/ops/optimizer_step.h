// ai.onnx.preview.training: one step of an optimizer over several tensors. Inputs: R (learning rate), T (update
// count), then groups of as many tensors as are optimised: X, their gradients, and the optimizer's states.
// Outputs: the new X and states.
#pragma once

#include <functional>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

inline constexpr std::string_view kPreviewTrainingDomain = "ai.onnx.preview.training";

/// What an element has: its value, its gradient, and up to two states; a step changes value and states.
struct OptimizedElement {
  double x, g, states[2];
};

/// The outputs' types; throws unless R and T are scalars and the groups fit each other.
std::vector<Type> infer_optimizer_step(const InferArgs& a, int num_states);
/// step(element) for every element of every tensor.
void run_optimizer_step(const OpCall& c, int num_states, const std::function<void(OptimizedElement&)>& step);

}  // namespace dunlin::ops
