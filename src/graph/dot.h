// A graph as Graphviz draws it: `dunlin inspect --graph`.
#pragma once

#include <string>
#include <vector>

#include "graph/ir.h"
#include "graph/support.h"

namespace dunlin {

/// Graphviz's own layout of more nodes than this takes minutes, and soon does not end: a larger graph says where each
/// of its nodes stands, and is drawn by neato -n2.
inline constexpr size_t kMostForGraphviz = 400;

/// In the DOT language. A node shows its op, its weights and its subgraphs, an edge the type of what flows along it;
/// nodes with weights are blue, those in `unsupported` red. Call it on the graph that inline_functions() returns.
std::string to_dot(const Graph& graph, const std::vector<Unsupported>& unsupported = {});

}  // namespace dunlin
