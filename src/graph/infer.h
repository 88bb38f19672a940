// Types of all values of a graph, from the types of its inputs, with the constant part of the graph folded
// away.
#pragma once

#include <set>

#include "graph/op.h"

namespace dunlin {

struct InferOptions {
  /// Concrete shapes of graph inputs, by name; the others keep their declared types.
  std::map<std::string, Shape, std::less<>> input_shapes;
  /// Initialisers that a run may change (trained weights): never treated as constant.
  std::set<ValueId> variable;
  /// Of all folded outputs together; what goes beyond is left to the run.
  uint64_t max_folded_bytes = uint64_t{1} << 30;
};

/// Infers every type; nodes whose inputs are all known (or of which only shapes are read) are evaluated and
/// become initialisers. Throws kInvalidArgument with node, expected and got when the graph contradicts
/// itself.
Graph infer_and_fold(Graph graph, const InferOptions& options = {});

/// The graph without nodes and initialisers that no output needs.
Graph remove_dead(Graph graph);

}  // namespace dunlin
