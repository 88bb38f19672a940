#include "graph/activation.h"
#include "graph/autodiff/grad.h"
#include "graph/ops/batch_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"epsilon=0.01", "f32[2,3,4] f32[3] f32[3] f32[3] f32[3]@0..1"},
    {"activation='HardSwish'", "f32[2,3,4] f32[3]@3..5 f32[3] f32[3] f32[3]@0..1"},
    {"activation='Clip' activation_a=-0.5 activation_b=0.5 passes_at_bounds=1",
     "f32[2,3,4] f32[3] f32[3] f32[3] f32[3]@0..1"},
    {"momentum=0.75", "f32[2,2,3]{1,2,3,5,4,0,2,7,1,3,2,2} f32{1,2} f32{0,1} f32{0.5,0.5} f32{1,2}", 21, 5},
};

std::vector<Type> infer(const InferArgs& a) {
  check_channel_vectors(a, a.shape(0), 1, 4);
  return {a.type(0), a.type(3), a.type(4), a.type(3), a.type(4)};
}

void forward(const OpCall& c) {
  const double epsilon = c.attr_float("epsilon", 1e-5f), momentum = c.attr_float("momentum", 0.9f);
  const ChannelStatistics batch =
      for_float_format(c.input(0).format(), [&]<typename T>() { return channel_statistics<T>(c.input(0)); });
  const std::vector<double> inv_std = inverse_deviation(batch.variance, epsilon);
  normalize_channels(c, batch.mean, inv_std);
  if (const Activation act = activation_attribute(c); act.kind != ActivationKind::kNone)
    for_float_format(c.output(0).format(), [&]<typename T>() {
      Tensor& y = c.output(0);
      T* out = y.data<T>();
      for_each_strided(
          y.shape(), [&](size_t, int64_t i) { out[i] = from_double<T>(apply(act, to_double(out[i]))); },
          y.strides());
    });
  store_doubles(c, 1, running(to_doubles(c.input(3)), batch.mean, momentum));
  store_doubles(c, 2, running(to_doubles(c.input(4)), batch.variance, momentum));
  store_doubles(c, 3, batch.mean);
  store_doubles(c, 4, inv_std);
}

void gradient(Grad& g) {
  ValueId mean = g.out(3), inv_std = g.out(4);
  if (mean == kNoValue || inv_std == kNoValue) {
    const auto again = g.emit_many("BatchNormTraining", {g.in(0), g.in(1), g.in(2), g.in(3), g.in(4)}, 5,
                                   g.node().attributes);
    mean = again[3], inv_std = again[4];
  }
  std::vector<ValueId> inputs{g.out_grad(0), g.in(0), g.in(1), mean, inv_std};
  Node attributes;
  if (Activation act = activation_attribute(g); act.kind != ActivationKind::kNone) {
    inputs.push_back(g.in(2));
    set_activation(attributes, g.attr_int("passes_at_bounds", 0) != 0 ? with_bounds_inside(act) : act);
  }
  const auto d = g.emit_many("BatchNormGrad", std::move(inputs), 3, std::move(attributes.attributes));
  for (int i = 0; i < 3; ++i) g.to_input(i, d[static_cast<size_t>(i)]);
  for (int i = 3; i < 5; ++i)  // y does not depend on what is stored
    if (g.needs(i)) g.to_input(i, g.emit("ZerosLike", {g.in(i)}));
}

}  // namespace

/// BatchNormalization by the batch's own statistics, which it also saves for the backward pass, and an
/// activation behind it: x[N,C,...], scale[C], bias[C], mean[C], var[C] {epsilon, momentum, activation...,
/// passes_at_bounds (Clip)}
///   -> y, running_mean, running_var (stored * momentum + batch * (1 - momentum), population variance),
///      saved_mean, saved_inv_std. Only y carries a gradient.
extern constexpr OpDef kBatchNormTraining{.name = "BatchNormTraining",
                                          .domain = kDunlinDomain,
                                          .source = "ONNX BatchNormalization, training_mode=1",
                                          .inputs = 5,
                                          .outputs = {1, 5},
                                          .infer = infer,
                                          .forward = forward,
                                          .gradient = gradient,
                                          .rtol = 1e-4f,
                                          .atol = 1e-5f,
                                          .samples = kSamples};

}  // namespace dunlin::ops
