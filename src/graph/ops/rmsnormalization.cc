#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/layer_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] f32[4]", 23},          {"axis=1 epsilon=0.01", "f32[2,3,4] f32[3,4]", 23},
    {"axis=-2", "f32[2,3,4] f32[3,1]", 23}, {"axis=0", "f32[3,4] f32[1]", 23},
    {"", "f32[3,3] f32[3,1]", 23},          {"", "f32[0,4] f32[4]", 23},
};

std::vector<Type> infer(const InferArgs& a) {
  a.normalize_axis(a.attr_int("axis", -1), a.shape(0).rank());
  return {{.format = a.format(1), .shape = a.shape(0)}};
}

void forward(const OpCall& c) {
  const double epsilon = c.attr_float("epsilon", 1e-5f);
  std::vector<double> x = to_doubles(c.input(0));
  const Shape& shape = c.input(0).shape();
  const std::vector<double> scale = repeated(c, 1, shape);
  const auto length = static_cast<size_t>(normalized_shape(c, shape).num_elements());
  for (size_t first = 0; length > 0 && first < x.size(); first += length) {
    double squares = 0;
    for (size_t i = 0; i < length; ++i) squares += x[first + i] * x[first + i];
    const double inv_rms = 1 / std::sqrt(squares / static_cast<double>(length) + epsilon);
    for (size_t i = 0; i < length; ++i) x[first + i] *= inv_rms * scale[(first + i) % scale.size()];
  }
  store_doubles(c, 0, x);
}

void gradient(Grad& g) {
  const auto d = g.emit_many("RMSNormGrad", {g.out_grad(0), g.in(0), g.in(1)}, 2, g.node().attributes);
  g.to_input(0, d[0]);
  if (g.needs(1)) g.to_input(1, g.reduce_to(d[1], g.in(1)));
}

}  // namespace

/// y = x / sqrt(mean(x^2) + epsilon) * scale, the mean over the axes from `axis` on.
extern constexpr OpDef kRMSNormalization{.name = "RMSNormalization",
                                         .since = 23,
                                         .source = "ONNX RMSNormalization",
                                         .inputs = 2,
                                         .infer = infer,
                                         .forward = forward,
                                         .gradient = gradient,
                                         .samples = kSamples};

}  // namespace dunlin::ops
