// Layer and root-mean-square normalisations that exporters write as several nodes become one.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// With d = x - mean(x) over the last axes and r = sqrt(mean(d^2) + epsilon), in f32, d / r [* scale [+ bias]] and
/// x * (scale / r) + (bias - mean(x) * (scale / r)) become LayerNormalization where nothing else reads the parts. A
/// scale that is missing is 1. Scale and bias may be trained; epsilon is a constant. Types must have been inferred.
Graph recognize_layer_norms(Graph graph, const std::set<ValueId>& variable = {});

/// The same of x / sqrt(mean(x^2) + epsilon) [* scale] and RMSNormalization.
Graph recognize_rms_norms(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
