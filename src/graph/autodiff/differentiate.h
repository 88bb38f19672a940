// Reverse-mode differentiation: Graph -> Graph. Training, personalisation and sensitivity analysis are all
// runs of the graph that comes out.
#pragma once

#include "graph/ir.h"

namespace dunlin {

struct Differentiated {
  Graph graph;                     ///< the forward nodes, then the backward ones
  std::vector<ValueId> gradients;  ///< of wrt[i]; kNoValue where the loss does not depend on it
};

struct Seed {
  ValueId value;     ///< of which the gradient is given
  ValueId gradient;  ///< of the same type
};

/// Gradients of sum_i <seeds[i].gradient, seeds[i].value> with respect to `wrt`.
/// Throws kUnsupported naming the op without a gradient and the path from the weight to it.
Differentiated backpropagate(Graph graph, std::span<const Seed> seeds, std::span<const ValueId> wrt);

/// Gradients of `loss`, which must hold one element.
Differentiated differentiate(Graph graph, ValueId loss, std::span<const ValueId> wrt);

}  // namespace dunlin
