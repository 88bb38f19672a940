// What a graph takes in memory.
#pragma once

#include <unordered_set>

#include "graph/ir.h"

namespace dunlin {

/// Of a node and the graphs in it, without tensors: those are shared by all copies.
uint64_t bytes_of(const Node& node);
/// Of a graph's nodes and values, and of the graphs in them, without tensors.
uint64_t bytes_of(const Graph& graph);
/// All tensors of a graph, those of subgraphs included. Borrowed: a graph that lives keeps them.
std::unordered_set<const Tensor*> tensors_of(const Graph& graph);
/// Of its tensors, each once, that are not among `counted`: another graph may share some.
uint64_t bytes_of_tensors(const Graph& graph, const std::unordered_set<const Tensor*>& counted = {});

/// Throws kResourceExhausted, naming the options, when the model would take more than `limit`.
void check_model_bytes(uint64_t bytes, uint64_t limit);

}  // namespace dunlin
