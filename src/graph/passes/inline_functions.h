// Calls of model-local functions become the nodes of their bodies, as the planner wants them. The model keeps
// its functions, so that export gives back what was read.
#pragma once

#include "dunlin/model_limits.h"
#include "graph/ir.h"

namespace dunlin {

/// The model's graph without calls, and without Gradient nodes of the training domain (expand_gradients.h). A call
/// of an op that the catalog has itself (a format with a function body for other tools) stays a node. Throws
/// kCorrupt when functions call each other in a circle, kResourceExhausted above a limit.
Graph inline_functions(const Model& model, const ModelLimits& limits = {});

}  // namespace dunlin
