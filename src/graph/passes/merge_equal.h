// Common subexpressions: of nodes with the same op, attributes and inputs, one stays, and of constants with the same
// bytes one is read.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// Nodes that draw random numbers or hold subgraphs stay, and so do those that make graph outputs. Constants larger
/// than 64 KiB are not compared.
Graph merge_equal_nodes(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
