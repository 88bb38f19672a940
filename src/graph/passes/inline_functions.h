// Calls of model-local functions become the nodes of their bodies, as the planner wants them. The model keeps
// its functions, so that export gives back what was read.
#pragma once

#include "graph/ir.h"

namespace dunlin {

struct InlineLimits {
  uint64_t max_nodes = 1'000'000;  ///< functions that call functions multiply
  int max_depth = 32;              ///< of calls inside calls
};

/// The model's graph without calls, and without Gradient nodes of the training domain (expand_gradients.h). A call of an op that the catalog has itself (a format with a function
/// body for other tools) stays a node. Throws kCorrupt when functions call each other in a circle,
/// kResourceExhausted above a limit.
Graph inline_functions(const Model& model, const InlineLimits& limits = {});

}  // namespace dunlin
