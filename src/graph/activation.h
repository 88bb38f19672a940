// Activations in a graph: as ONNX nodes, and as attributes of fused ops
// (activation='Clip' activation_a=0.0 activation_b=6.0).
#pragma once

#include <functional>

#include "graph/op.h"
#include "kernels/epilogue.h"

namespace dunlin {

/// The attributes of a fused op; none when there are none. Throws kUnsupported for an unknown name.
Activation activation_attribute(const NodeView& a);
void set_activation(Node& node, const Activation& activation);

/// The activation that the node applies to input 0: Relu, Clip with bounds that `constant` knows, Sigmoid,
/// dunlin.Activation, ...; none when it is no activation of the kernels.
std::optional<Activation> activation_of(const NodeView& a, const std::function<const Tensor*(int)>& constant);

/// Of ONNX Gelu and GeluGrad.
Activation gelu(const NodeView& a);

/// The references.
double apply(const Activation& activation, double x);
/// At a kink that of the flat side, as in the kernels.
double derivative(const Activation& activation, double x);

/// ONNX Clip hands its gradient on at its bounds too, as PyTorch's clamp does, where Relu and the kernels do
/// not: the activation with bounds one step further out.
Activation with_bounds_inside(Activation clip);

}  // namespace dunlin
