// Types of all values of a graph, from the types of its inputs, with the constant part of the graph folded
// away.
#pragma once

#include <set>

#include "dunlin/model_limits.h"
#include "graph/op.h"

namespace dunlin {

struct InferOptions {
  /// Concrete shapes of graph inputs, by name; the others keep their declared types.
  std::map<std::string, Shape, std::less<>> input_shapes;
  /// Initialisers that a run may change (trained weights): never treated as constant.
  std::set<ValueId> variable;
  /// Folding stops being a gain, and a small file could ask for any amount of it.
  FoldingLimits folding = {};
  /// false: DequantizeLinear of constants stays, for passes that look for integers.
  bool fold_dequantized = true;
  int depth = 0;  ///< of a subgraph: how many it is in
};

/// Infers every type; nodes whose inputs are all known (or of which only shapes are read) are evaluated and
/// become initialisers, unless that costs more than the options allow; what only folded nodes read is gone.
/// Throws kInvalidArgument with node, expected and got when the graph contradicts itself.
Graph infer_and_fold(Graph graph, const InferOptions& options = {});

/// The graph without nodes and initialisers that no output needs.
Graph remove_dead(Graph graph);

}  // namespace dunlin
