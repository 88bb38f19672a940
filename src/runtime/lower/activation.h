// Activations as a fused node spells them: attributes activation='Clip', activation_a, activation_b.
#pragma once

#include "graph/op.h"
#include "kernels/epilogue.h"

namespace dunlin::lower {

/// Of a fused op; none when there is no attribute.
Activation fused_activation(const NodeView& a);

}  // namespace dunlin::lower
