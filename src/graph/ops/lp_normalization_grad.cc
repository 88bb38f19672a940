#include "graph/ops/lp_normalization.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,5] f32[3,5]"}, {"p=1 axis=0", "f32[2,2] f32[2,2]{0,3,0,4}"}};

void forward(const OpCall& c) {
  const Lanes l = lp_lanes(c, c.input(1).shape());
  if (c.input(0).shape() != c.input(1).shape())
    c.error("dy is {}, x {}", to_string(c.input(0).shape()), to_string(c.input(1).shape()));
  const bool absolute = c.attr_int("p", 2) == 1;
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1));
  if (x.empty()) return;
  std::vector<double> dx(x.size(), 0.0);
  // y = x / n: dx = (dy - n' sum(dy y)) / n, where n' is y for p = 2 and the sign of x for p = 1.
  for_each_lane(l, [&](size_t first, size_t step) {
    const double norm = lp_norm(x, l, first, step, absolute);
    if (norm == 0) return;
    const size_t end = first + static_cast<size_t>(l.length) * step;
    double along = 0;
    for (size_t i = first; i < end; i += step) along += dy[i] * x[i] / norm;
    for (size_t i = first; i < end; i += step) {
      const double slope = absolute ? static_cast<double>((x[i] > 0) - (x[i] < 0)) : x[i] / norm;
      dx[i] = (dy[i] - slope * along) / norm;
    }
  });
  store_doubles(c, 0, dx);
}
}  // namespace

/// dx of LpNormalization: dy, x; 0 where the norm is 0. Attributes of LpNormalization.
extern constexpr OpDef kLpNormalizationGrad{
    .name = "LpNormalizationGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX LpNormalization",
    .inputs = 2,
    .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
    .forward = forward,
    .samples = kSamples};

}  // namespace dunlin::ops
