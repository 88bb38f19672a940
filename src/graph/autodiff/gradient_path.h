// Which way gradients take through a graph, and where it ends, in words.
#pragma once

#include <string>

#include "graph/ir.h"

namespace dunlin {

/// Which values depend on `wrt` by a differentiable path.
std::vector<bool> reached_by_gradients(const Graph& graph, std::span<const ValueId> wrt);

/// `weight "fc1.weight" -> Gemm "fc1" -> ArgMax "a"`: the shortest differentiable path from one of `wrt` to
/// the node, through its input `last` when one is given. Long paths lose their middle.
std::string path_from_weight(const Graph& graph, const Node& node, std::span<const ValueId> wrt,
                             ValueId last = kNoValue);

/// Why no gradient of `loss` comes to `weight`, with the node that stops it and the path there; "the loss does
/// not depend on it" where there is no path at all.
std::string why_not_reached(const Graph& graph, ValueId loss, ValueId weight);

}  // namespace dunlin
