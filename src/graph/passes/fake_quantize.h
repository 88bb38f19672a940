// Recognises quantisation that a model only simulates.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// DequantizeLinear of a QuantizeLinear with the same scale, zero point and attributes becomes
/// dunlin.FakeQuantize, which has a gradient; the QuantizeLinear stays for others that may read it. Types of
/// values must have been inferred. `variable` initialisers are trained: two that are equal now may part.
Graph recognize_fake_quantize(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
