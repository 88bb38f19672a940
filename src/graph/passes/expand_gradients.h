// ONNX's training domain has an op Gradient, which asks for the gradients of one value of its graph with respect to
// others. The pass puts the backward nodes in its place.
#pragma once

#include "graph/ir.h"

namespace dunlin {

/// Throws kInvalidArgument for a Gradient whose attributes do not fit the graph, kUnsupported for a path through an op
/// without a gradient, kResourceExhausted when the graph grows beyond `max_nodes`
/// or all Gradients together look at more than four times as many.
Graph expand_gradients(Graph graph, uint64_t max_nodes);

}  // namespace dunlin
