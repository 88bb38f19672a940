#pragma once

#include "graph/ops/window.h"

namespace dunlin::ops {

/// The convolution from Y to X that ConvTranspose is the adjoint of: `window.out` is X's size.
struct TransposedConv {
  Window window;
  Shape y;
};

/// From the node's attributes and the shapes of X and W, of which unknown dimensions stay unknown. Throws when they
/// disagree.
TransposedConv transposed_conv(const NodeView& a, const Shape& x, const Shape& w);

}  // namespace dunlin::ops
