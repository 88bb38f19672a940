#include "graph/ops/affine_grid.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,2,3] i64{2,3,4,5}"},
                               {"align_corners=1", "f32[1,3,4] i64{1,1,2,3,4}"},
                               {"align_corners=1", "f32[1,2,3] i64{1,1,1,2}"}};
}

Shape affine_grid_shape(const NodeView& a, const Shape& theta, const Shape& s) {
  const int axes = s.rank() - 2;
  if ((axes != 2 && axes != 3) || theta.rank() != 3 || !may_equal(theta[0], s[0]) ||
      !may_equal(theta[1], axes) || !may_equal(theta[2], axes + 1))
    a.error("theta is {}, size {}: [N, 2, 3] and (N, C, H, W), or [N, 3, 4] and (N, C, D, H, W) are expected",
            to_string(theta), to_string(s));
  Shape grid{s[0]};
  for (int d = 2; d < s.rank(); ++d) grid.push_back(s[d]);
  grid.push_back(axes);
  return grid;
}

void check_affine_grid(const NodeView& a, const Shape& theta, const Shape& grid) {
  Shape size;
  for (int d = 0; d + 1 < grid.rank(); ++d) {
    size.push_back(grid[d]);
    if (d == 0) size.push_back(kUnknownDim);
  }
  const int axes = affine_grid_shape(a, theta, size).rank() - 2;  // throws when there is no last axis
  if (!may_equal(grid[grid.rank() - 1], axes))
    a.error("the grid is {}, theta {}: [N, spatial..., spatial axes] is expected", to_string(grid),
            to_string(theta));
}

/// theta, size -> the points that GridSample reads after an affine map of a regular grid.
extern constexpr OpDef kAffineGrid{
    .name = "AffineGrid",
    .since = 20,
    .source = "ONNX AffineGrid",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          const Shape& theta = a.shape(0);
          if (theta.rank() != 3) a.error("theta is {}, [N, 2, 3] or [N, 3, 4] is expected", to_string(theta));
          std::optional<Shape> grid;
          if (a.constant(1)) grid = affine_grid_shape(a, theta, checked_shape(a, to_ints(*a.constant(1))));
          return std::vector<Type>{{.format = a.format(0), .shape = grid}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape shape = affine_grid_shape(c, c.input(0).shape(), checked_shape(c, to_ints(c.input(1))));
          if (!c.output(0)) c.allocate(0, c.input(0).format(), shape);
          const std::vector<double> theta = to_doubles(c.input(0));
          for_float_format(c.output(0).format(), [&]<typename T>() {
            const auto y = c.out<T>(0);
            const auto axes = static_cast<size_t>(shape.rank() - 2), columns = axes + 1;
            const auto n = static_cast<size_t>(shape[0]);
            const size_t points = n == 0 ? 0 : y.size() / (n * axes);
            for_each_grid_point(shape, c.attr_int("align_corners", 0) != 0,
                                [&](int64_t p, const std::vector<double>& point) {
                                  for (size_t row = 0; row < n * axes; ++row) {
                                    double sum = 0;
                                    for (size_t k = 0; k < columns; ++k)
                                      sum += theta[row * columns + k] * point[k];
                                    y[(row / axes * points + static_cast<size_t>(p)) * axes + row % axes] =
                                        from_double<T>(sum);
                                  }
                                });
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("AffineGridGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
