// Which random numbers a node draws.
#pragma once

#include <cstdint>

#include "graph/ir.h"

namespace dunlin {

/// The stream of Philox(RunContext::seed, stream): depends on the name of the node's first output only, so that
/// recomputation, and another executor, draw the same numbers; or on what draw_as() noted.
uint64_t random_stream(const Graph& graph, const Node& node);

/// Makes `copy`, whose outputs bear other names, draw what `node` draws.
void draw_as(const Graph& graph, const Node& node, Node& copy);

}  // namespace dunlin
