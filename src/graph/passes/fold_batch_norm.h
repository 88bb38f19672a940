// BatchNormalization by stored statistics after a Conv becomes part of the Conv's weights.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// Folds where everything is constant, which `variable` initialisers are not, and nothing else reads the
/// Conv's result. In a training graph that leaves alone whatever is trained.
Graph fold_batch_norm(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
