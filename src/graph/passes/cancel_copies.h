// Nodes that only hand bytes on, or move them there and back, go.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// - Identity, Cast to the type that is there, and Dropout that drops nothing.
/// - A chain of views (Reshape, Squeeze, Unsqueeze, Flatten) that ends in the type it began with; a Reshape of a view is
///   one of what the view shows.
/// - A Transpose of a Transpose is one or none; so it is where only functions of single elements stand between
///   them, which then work on the elements in their first order.
/// Types must have been inferred. Values that are outputs of the graph stay.
Graph cancel_copies(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
