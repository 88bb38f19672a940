#include "graph/ops/affine_grid.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,4,5,2] f32[2,2,3]"},
                               {"align_corners=1", "f32[1,2,3,4,3] f32[1,3,4]"}};

void forward(const OpCall& c) {
  const Shape &grid = c.input(0).shape(), &theta = c.input(1).shape();
  check_affine_grid(c, theta, grid);
  const auto axes = static_cast<size_t>(theta[1]), columns = axes + 1;
  std::vector<double> d(static_cast<size_t>(theta.num_elements()), 0.0);
  const std::vector<double> dy = to_doubles(c.input(0));
  const auto n = static_cast<size_t>(grid[0]);
  const size_t points = n == 0 ? 0 : dy.size() / (n * axes);
  for_each_grid_point(
      grid, c.attr_int("align_corners", 0) != 0, [&](int64_t p, const std::vector<double>& point) {
        for (size_t row = 0; row < n * axes; ++row)
          for (size_t k = 0; k < columns; ++k)
            d[row * columns + k] +=
                dy[(row / axes * points + static_cast<size_t>(p)) * axes + row % axes] * point[k];
      });
  store_doubles(c, 0, d);
}
}  // namespace

/// dtheta of AffineGrid: dy, theta (its shape only). Attributes of AffineGrid.
extern constexpr OpDef kAffineGridGrad{
    .name = "AffineGridGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX AffineGrid",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          check_affine_grid(a, a.shape(1), a.shape(0));
          return std::vector<Type>{{.format = a.format(0), .shape = a.shape(1)}};
        },
    .forward = forward,
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
