// What a graph takes in memory.
#pragma once

#include "graph/ir.h"

namespace dunlin {

/// Of a node and the graphs in it, without tensors: those are shared by all copies.
uint64_t bytes_of(const Node& node);
/// Of a graph's nodes and values, and of the graphs in them, without tensors.
uint64_t bytes_of(const Graph& graph);
/// Of all its tensors, each once, those of subgraphs included.
uint64_t bytes_of_tensors(const Graph& graph);

/// Throws kResourceExhausted, naming the options, when the model would take more than `limit`.
void check_model_bytes(uint64_t bytes, uint64_t limit);

}  // namespace dunlin
