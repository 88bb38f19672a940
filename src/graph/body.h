// Subgraphs of control flow: how they are typed, and how values enter and leave them.
#pragma once

#include "graph/op.h"

namespace dunlin {

/// The body with what it captures as further inputs. Inputs that are known become initialisers: null entries of
/// `known`, which counts inputs and then captures, stay.
Graph as_graph(const Graph& body, std::span<const TensorPtr> known);

/// Input i, which must be one number.
int64_t scalar_input(const ValueCall& c, int i);

/// What both types allow: formats must agree where both are known, as must tensors and sequences; dimensions and
/// ranks that differ become unknown. none: they contradict each other.
std::optional<Type> merge(const Type& a, const Type& b);

/// The types of the body's outputs in the node's graph, for these types of its inputs. Throws when one
/// contradicts what the body declares.
std::vector<Type> infer_body(const InferArgs& a, const Body& body, std::span<const Type> inputs);

/// The same for a body that runs again and again on `before`, `state`, `after`, and gives the next state from
/// its output `first` on: `state` becomes what holds in every iteration.
std::vector<Type> infer_iterated(const InferArgs& a, const Body& body, std::span<const Type> before,
                                 std::vector<Type>& state, std::span<const Type> after, size_t first);

}  // namespace dunlin
