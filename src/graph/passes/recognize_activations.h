// Activations that exporters write as several nodes become one.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// Products of x and its gate, in any order of their factors, become dunlin.Activation where nothing else reads the
/// parts: x * Sigmoid(x) (SiLU), x * Tanh(Softplus(x)) (Mish), x * HardSigmoid(x; 1/6, 1/2) and
/// x * Clip(x + 3, 0, 6) / 6 (HardSwish), 0.5 * x * (1 + Erf(x / sqrt 2)) and
/// 0.5 * x * (1 + Tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) (Gelu). Types must have been inferred.
/// Log(1 + Exp(x)) stays: Softplus has finite results where it has none.
Graph recognize_activations(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
