#include <cmath>

#include "graph/ops/layer_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"axis=1", "f32[2,3,4] f32[2,3,4] f32[3,4]", 21, 2},
                               {"", "f32[2,3,4] f32[2,3,4] f32[1]", 21, 2},
                               {"", "f32[2,3,4] f32[2,3,4] f32[3,1]", 21, 2}};

std::vector<Type> infer(const InferArgs& a) {
  return {a.type(1), {.format = a.format(2), .shape = repeated_shape(a, a.shape(2), a.shape(1))}};
}

void forward(const OpCall& c) {
  const double epsilon = c.attr_float("epsilon", 1e-5f);
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1)),
                            scale = repeated(c, 2, c.input(1).shape());
  const auto length = static_cast<size_t>(normalized_shape(c, c.input(1).shape()).num_elements());
  std::vector<double> dx(x.size()), dscale(scale.size(), 0.0);
  const auto of_scale = [&](size_t k) { return k % scale.size(); };
  for (size_t first = 0; length > 0 && first < x.size(); first += length) {
    double squares = 0, dot = 0;  // of x, and of dy * scale with x
    for (size_t i = 0; i < length; ++i) {
      squares += x[first + i] * x[first + i];
      dot += dy[first + i] * scale[of_scale(first + i)] * x[first + i];
    }
    const double count = static_cast<double>(length), inv_rms = 1 / std::sqrt(squares / count + epsilon);
    for (size_t i = 0; i < length; ++i) {
      dscale[of_scale(first + i)] += dy[first + i] * x[first + i] * inv_rms;
      dx[first + i] = inv_rms * (dy[first + i] * scale[of_scale(first + i)] -
                                 x[first + i] * inv_rms * inv_rms * dot / count);
    }
  }
  store_doubles(c, 0, dx);
  store_doubles(c, 1, dscale);
}

}  // namespace

/// Gradient of RMSNormalization: dy, x, scale {axis, epsilon} -> dx, dscale (as repeated_shape has it,
/// before the scale's broadcast is undone).
extern constexpr OpDef kRMSNormGrad{.name = "RMSNormGrad",
                                    .domain = kDunlinDomain,
                                    .source = "Zhang and Sennrich 2019, differentiated",
                                    .inputs = 3,
                                    .outputs = 2,
                                    .infer = infer,
                                    .forward = forward,
                                    .samples = kSamples};

}  // namespace dunlin::ops
