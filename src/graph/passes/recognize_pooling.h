// The mean over all pixels, which some exporters write as a ReduceMean, becomes GlobalAveragePool.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// ReduceMean over axes 2 and 3 of f32 [N, C, H, W] that keeps them, as in squeeze-and-excite blocks. The rest of such a
/// block needs no form of its own: its 1x1 convolutions take their activations with them, and run on one pixel as fast as
/// matrix products do. Types must have been inferred.
Graph recognize_pooling(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
