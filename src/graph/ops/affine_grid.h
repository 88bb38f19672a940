// AffineGrid and its gradient: the points of a regular grid.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// theta[N, axes, axes + 1] and size (N, C, spatial...), as far as known -> grid[N, spatial..., axes].
Shape affine_grid_shape(const NodeView& a, const Shape& theta, const Shape& size);
/// Throws when no size gives theta this grid.
void check_affine_grid(const NodeView& a, const Shape& theta, const Shape& grid);

/// f(position in the grid, point): `point` has the coordinates, the last spatial axis first, and a 1.
template <typename F>
void for_each_grid_point(const Shape& grid, bool align_corners, F f) {
  const int axes = grid.rank() - 2;
  if (grid.num_elements() == 0) return;  // the other axes may be as large as a file likes
  int64_t points = 1;
  for (int d = 1; d <= axes; ++d) points *= grid[d];
  std::vector<double> point(static_cast<size_t>(axes) + 1, 1.0);
  for (int64_t p = 0; p < points; ++p) {
    int64_t rest = p;
    for (int d = axes; d >= 1; --d) {
      const auto i = static_cast<double>(rest % grid[d]), n = static_cast<double>(grid[d]);
      rest /= grid[d];
      // A single element lies in the middle.
      point[static_cast<size_t>(axes - d)] =
          align_corners ? (n > 1 ? 2 * i / (n - 1) - 1 : 0) : (2 * i + 1) / n - 1;
    }
    f(p, point);
  }
}

}  // namespace dunlin::ops
