// Shapes that a file or a computation asks for.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

/// Throws unless every size is 0 or more.
inline Shape checked_shape(const NodeView& a, std::vector<int64_t> sizes) {
  for (int64_t d : sizes)
    if (d < 0) a.error("the shape holds {}, a size is expected", d);
  return Shape(std::move(sizes));
}

}  // namespace dunlin::ops
