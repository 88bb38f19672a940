// One run of an op's scalar reference.
#pragma once

#include "graph/op.h"

namespace dunlin {

/// OpDef::forward on outputs that have the inferred types; errors name the node. Where all of them are known to be empty there is nothing to
/// do: the other axes of an empty tensor may be as long as a file likes, and a reference may count along them.
void run_forward(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs,
                 std::span<Tensor> outputs, const RunContext& context);

}  // namespace dunlin
