// Tile's index arithmetic, shared with its gradient.
#pragma once

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

/// f(o, i) for every element o of the repeated shape y in row-major order: i is the offset of its origin in x.
template <typename F>
void for_each_tiled(const Shape& x, const Shape& y, const Strides& x_strides, F f) {
  const auto count = static_cast<size_t>(y.num_elements());
  for (size_t o = 0; o < count; ++o) {
    int64_t offset = 0, rest = static_cast<int64_t>(o);
    for (int d = y.rank() - 1; d >= 0; --d) {
      offset += (rest % y[d]) % x[d] * x_strides[static_cast<size_t>(d)];
      rest /= y[d];
    }
    f(o, offset);
  }
}

}  // namespace dunlin::ops
