// Which initialisers of a graph training may change. An ONNX file does not say what is a parameter.
#pragma once

#include <vector>

#include "graph/ir.h"

namespace dunlin {

/// Whether input `i` of the node holds a parameter of the op itself, as Conv's kernel is.
bool is_parameter_input(const Node& node, size_t i);

/// f32 initialisers, in the order in which the nodes read them, without running statistics and the scales of
/// quantisation; lone numbers only where they are parameters of the op.
std::vector<ValueId> find_weights(const Graph& graph);

/// Some exporters (paddle2onnx) write weights as Constant nodes. Where no initialiser is a weight, Constants of f32 that
/// are parameters of an op, or are added or multiplied behind one, become initialisers; and everywhere what
/// BatchNormalization reads.
void lift_constants(Graph& graph);

}  // namespace dunlin
