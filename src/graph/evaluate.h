// Runs a graph node by node with the scalar references: the yardstick for passes, gradients and the runtime.
#pragma once

#include "graph/op.h"

namespace dunlin {

/// Inputs in the order of graph.inputs; outputs, row major, in the order of graph.outputs.
std::vector<Tensor> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                             const RunContext& context = {});

}  // namespace dunlin
