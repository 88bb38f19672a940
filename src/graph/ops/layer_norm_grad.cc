#include "graph/ops/layer_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"axis=-1", "f32[2,3,4] f32[2,3,4] f32[4] f32[2,3,1] f32[2,3,1]@1..2", 21, 3},
    {"axis=1", "f32[2,3,4] f32[2,3,4] f32[3,4] f32[2,1,1] f32[2,1,1]@1..2", 21, 3}};

std::vector<Type> infer(const InferArgs& a) { return {a.type(1), a.type(2), a.type(2)}; }

void forward(const OpCall& c) {
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1)),
                            scale = to_doubles(c.input(2)), mean = to_doubles(c.input(3)),
                            inv_std = to_doubles(c.input(4));
  const size_t length = mean.empty() ? 0 : x.size() / mean.size();
  if (!mean.empty() && !is_row(c, c.input(2).shape(), c.input(1).shape()))
    c.unsupported("a scale {} that is not one number for each of {} normalised elements cannot be trained",
                  to_string(c.input(2).shape()), length);
  std::vector<double> dx(x.size()), dscale(scale.size(), 0.0), dbias(scale.size(), 0.0);
  for (size_t row = 0; row < mean.size(); ++row) {
    const size_t first = row * length;
    double sum = 0, dot = 0;
    for (size_t i = 0; i < length; ++i) {
      const double x_hat = (x[first + i] - mean[row]) * inv_std[row], d = dy[first + i];
      dscale[i] += d * x_hat;
      dbias[i] += d;
      sum += d * scale[i];
      dot += d * scale[i] * x_hat;
    }
    for (size_t i = 0; i < length; ++i) {
      const double x_hat = (x[first + i] - mean[row]) * inv_std[row];
      dx[first + i] =
          inv_std[row] * (dy[first + i] * scale[i] - (sum + x_hat * dot) / static_cast<double>(length));
    }
  }
  store_doubles(c, 0, dx);
  store_doubles(c, 1, dscale);
  store_doubles(c, 2, dbias);
}

}  // namespace

/// Gradient of LayerNormalization: dy, x, scale, mean, inv_std {axis} -> dx, dscale, dbias (both like scale).
extern constexpr OpDef kLayerNormGrad{.name = "LayerNormGrad",
                                      .domain = kDunlinDomain,
                                      .source = "Ba et al. 2016, differentiated",
                                      .inputs = 5,
                                      .outputs = 3,
                                      .infer = infer,
                                      .forward = forward,
                                      .rtol = 1e-4f,
                                      .atol = 1e-5f,
                                      .samples = kSamples};

}  // namespace dunlin::ops
