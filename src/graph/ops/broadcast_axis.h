// How binary ops broadcast before opset 7.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

/// Whether the second input lines up with an axis that the node names, not with the last ones as NumPy has it.
inline bool has_broadcast_axis(const NodeView& a) {
  return a.node().domain.empty() && a.opset() < 7 && a.has_attr("axis") && a.attr_int("broadcast", 0) != 0;
}

}  // namespace dunlin::ops
