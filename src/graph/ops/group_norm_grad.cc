#include "graph/ops/group_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"num_groups=2", "f32[2,4,3] f32[2,4,3] f32[4]", 21, 3},
                               {"", "f32[2,3,2] f32[2,3,2] f32[3]", 21, 3}};

void forward(const OpCall& c) {
  const Shape& shape = c.input(1).shape();
  const Groups groups(c, shape, c.attr_int("num_groups", shape[1]));
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1)),
                            scale = to_doubles(c.input(2));
  const double epsilon = c.attr_float("epsilon", 1e-5f), count = static_cast<double>(groups.size());
  std::vector<double> dx(x.size()), dscale(scale.size(), 0.0), dbias(scale.size(), 0.0);
  for (size_t g = 0; g < groups.count(); ++g) {
    const size_t first = g * groups.size();
    const Moments m = moments({x.data() + first, groups.size()}, epsilon);
    double sum = 0, dot = 0;  // of dy * scale, and of dy * scale * x_hat
    for (size_t i = 0; i < groups.size(); ++i) {
      const size_t k = groups.scale_index(g, i, scale.size());
      const double x_hat = (x[first + i] - m.mean) * m.inv_std, d = dy[first + i];
      dscale[k] += d * x_hat;
      dbias[k] += d;
      sum += d * scale[k];
      dot += d * scale[k] * x_hat;
    }
    for (size_t i = 0; i < groups.size(); ++i) {
      const size_t k = groups.scale_index(g, i, scale.size());
      const double x_hat = (x[first + i] - m.mean) * m.inv_std;
      dx[first + i] = m.inv_std * (dy[first + i] * scale[k] - (sum + x_hat * dot) / count);
    }
  }
  store_doubles(c, 0, dx);
  store_doubles(c, 1, dscale);
  store_doubles(c, 2, dbias);
}

}  // namespace

/// Gradient of GroupNormalization and InstanceNormalization: dy, x, scale {num_groups (default: one channel a
/// group), epsilon} -> dx, dscale, dbias. Scale has one number a channel or one a group.
extern constexpr OpDef kGroupNormGrad{.name = "GroupNormGrad",
                                      .domain = kDunlinDomain,
                                      .source = "Wu and He 2018, differentiated",
                                      .inputs = 3,
                                      .outputs = 3,
                                      .infer =
                                          [](const InferArgs& a) {
                                            return std::vector<Type>{a.type(1), a.type(2), a.type(2)};
                                          },
                                      .forward = forward,
                                      .rtol = 1e-4f,
                                      .atol = 1e-5f,
                                      .samples = kSamples};

}  // namespace dunlin::ops
