// Common subexpressions: of nodes with the same op, attributes and inputs, one stays.
#pragma once

#include "graph/ir.h"

namespace dunlin {

/// Nodes that draw random numbers or hold subgraphs stay, and so do those that make graph outputs.
Graph merge_equal_nodes(Graph graph);

}  // namespace dunlin
