// Finds functions of one byte.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// A QuantizeLinear whose input is computed from one quantised value and single numbers, element by element (an
/// activation, x * sigmoid(x) also with quantisation in between, a change of scale), becomes dunlin.QuantizedLookup in
/// the table of its 256 values, which the references compute: nothing changes by a bit. Types of values must have
/// been inferred.
Graph recognize_lookups(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
