// Finds products of quantised values that a graph spells in floating point.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// Conv, Gemm and MatMul (and an Add of a constant row behind it) of a DequantizeLinear of bytes and one of constant
/// bytes become dunlin.QuantizedConv and dunlin.QuantizedMatMul; where a QuantizeLinear follows, perhaps behind Relu
/// or Clip, they make bytes. A bias becomes whole steps of the sums. Results are those of the float graph but for the
/// rounding of its sums: a value that lies that near a tie moves by one step. Add and Mul of two quantised values,
/// GlobalAveragePool, and what only hands elements on (MaxPool, Flatten, ...) do the same between a DequantizeLinear
/// and a QuantizeLinear. For inference only: integers have no gradient. Types of values must have been inferred.
Graph recognize_quantized(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
