#include "graph/autodiff/grad.h"
#include "graph/ops/group_norm.h"
#include "graph/ops/layer_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] f32[4] f32[4]"},
    {"axis=1 epsilon=0.01", "f32[2,3,4] f32[3,4]"},
    {"axis=0", "f32[3,4] f32[3,4] f32[3,4]"},
    {"", "f32[2,3,4] f32[1,1,4] f32[3,1]"},
    {"axis=-1", "f32[2,3]{1,2,4,3,5,1} f32{1,2,3} f32{0,0,1}", 17, 3},
};

std::vector<Type> infer(const InferArgs& a) {
  const Shape& x = a.shape(0);
  const int axis = a.normalize_axis(a.attr_int("axis", -1), x.rank());
  Shape outer = x;
  for (int d = axis; d < x.rank(); ++d) outer[d] = 1;
  // The statistics are float (stash_type 1), and double where the input is.
  const Format stash = a.format(0) == &formats::kF64 ? &formats::kF64 : &formats::kF32;
  const Type statistics{.format = stash, .shape = outer};
  return {a.type(0), statistics, statistics};
}

void forward(const OpCall& c) {
  const Shape& shape = c.input(0).shape();
  const double epsilon = c.attr_float("epsilon", 1e-5f);
  std::vector<double> x = to_doubles(c.input(0)), mean, inv_std;
  const std::vector<double> scale = repeated(c, 1, shape);
  const std::vector<double> bias = c.has_input(2) ? repeated(c, 2, shape) : std::vector<double>{0};
  const auto length = static_cast<size_t>(normalized_shape(c, shape).num_elements());
  for (size_t first = 0; length > 0 && first < x.size(); first += length) {
    const std::span<double> part(x.data() + first, length);
    const Moments m = moments(part, epsilon);
    mean.push_back(m.mean);
    inv_std.push_back(m.inv_std);
    for (size_t i = 0; i < length; ++i)
      part[i] = (part[i] - m.mean) * m.inv_std * scale[(first + i) % scale.size()] +
                bias[(first + i) % bias.size()];
  }
  store_doubles(c, 0, x);
  store_doubles(c, 1, mean);
  store_doubles(c, 2, inv_std);
}

/// Mean and inverse deviation are further outputs: kept when the node has them (passes/training_mode.h adds
/// them), recomputed otherwise.
void gradient(Grad& g) {
  ValueId mean = g.out(1), inv_std = g.out(2);
  if (mean == kNoValue || inv_std == kNoValue) {
    const auto again = g.emit_many("LayerNormalization", {g.in(0), g.in(1)}, 3, g.node().attributes);
    mean = again[1], inv_std = again[2];
  }
  const auto d = g.emit_many("LayerNormGrad", {g.out_grad(0), g.in(0), g.in(1), mean, inv_std}, 3,
                             {{"axis", g.attr_int("axis", -1)}});
  for (int i = 0; i < 2; ++i) g.to_input(i, d[static_cast<size_t>(i)]);
  if (!g.needs(2)) return;
  const bool like_scale = g.graph().type(g.in(2)).shape == g.graph().type(g.in(1)).shape;
  g.to_input(2, like_scale ? d[2] : g.reduce_to(g.out_grad(0), g.in(2)));
}

}  // namespace

extern constexpr OpDef kLayerNormalization{.name = "LayerNormalization",
                                           .since = 17,
                                           .source = "ONNX LayerNormalization",
                                           .inputs = {2, 3},
                                           .outputs = {1, 3},
                                           .infer = infer,
                                           .forward = forward,
                                           .gradient = gradient,
                                           .rtol = 1e-4f,
                                           .atol = 1e-5f,
                                           .samples = kSamples};

}  // namespace dunlin::ops
