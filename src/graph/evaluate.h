// Runs a graph node by node with the scalar references: the yardstick for passes, gradients and the runtime.
#pragma once

#include "graph/op.h"

namespace dunlin {

/// Inputs in the order of graph.inputs; outputs, row major, in the order of graph.outputs.
std::vector<Tensor> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                             const RunContext& context = {});

/// The same for values of any kind. Of a subgraph, `inputs` go on with what it captures. The results own their
/// bytes.
std::vector<RunValue> evaluate_values(const Graph& graph, std::vector<RunValue> inputs,
                                      const RunContext& context = {});

}  // namespace dunlin
