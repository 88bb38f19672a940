// Activations that exporters write as several nodes become one.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// x * Sigmoid(x) (SiLU), x * HardSigmoid(x; 1/6, 1/2) and x * Clip(x + 3, 0, 6) / 6 (HardSwish), and
/// 0.5 * x * (1 + Erf(x / sqrt 2)) (GELU) become dunlin.Activation where nothing else reads the parts.
Graph recognize_activations(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
