#include "graph/activation.h"
#include "graph/ops/batch_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] f32[2,3,4] f32[3] f32[3] f32[3]@1..2", 21, 3},
    {"activation='Gelu'", "f32[2,3,4] f32[2,3,4] f32[3] f32[3] f32[3]@1..2 f32[3]", 21, 3}};

std::vector<Type> infer(const InferArgs& a) {
  check_channel_vectors(a, a.shape(1), 2, 5);
  return {a.type(1), a.type(2), a.type(2)};
}

void forward(const OpCall& c) {
  const Tensor &dy = c.input(0), &x = c.input(1);
  const std::vector<double> scale = to_doubles(c.input(2)), mean = to_doubles(c.input(3)),
                            inv_std = to_doubles(c.input(4));
  const size_t channels = scale.size();
  const Activation act = activation_attribute(c);
  const std::vector<double> bias = act.kind == ActivationKind::kNone ? scale : to_doubles(c.input(5));
  // dy before the activation.
  const auto inner = [&](double d, double x_hat, size_t ch) {
    return act.kind == ActivationKind::kNone ? d : d * derivative(act, x_hat * scale[ch] + bias[ch]);
  };
  const double count =
      channels == 0 ? 1 : static_cast<double>(x.num_elements()) / static_cast<double>(channels);
  std::vector<double> sum(channels, 0.0), dot(channels, 0.0);  // of dy, and of dy * x_hat
  for_float_format(x.format(), [&]<typename T>() {
    const T *g = dy.data<T>(), *in = x.data<T>();
    const Strides channel = channel_index(x.shape().rank());
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t o, int64_t i, int64_t k) {
          const size_t ch = static_cast<size_t>(k);
          const double x_hat = (to_double(in[i]) - mean[ch]) * inv_std[ch],
                       d = inner(to_double(g[o]), x_hat, ch);
          sum[ch] += d;
          dot[ch] += d * x_hat;
        },
        dy.strides(), x.strides(), channel);
    if (c.has_output(0)) {
      Tensor& dx = c.output(0);
      T* out = dx.data<T>();
      for_each_strided(
          x.shape(),
          [&](size_t, int64_t o, int64_t i, int64_t d, int64_t k) {
            const size_t ch = static_cast<size_t>(k);
            const double x_hat = (to_double(in[i]) - mean[ch]) * inv_std[ch];
            out[d] =
                from_double<T>(scale[ch] * inv_std[ch] *
                               (inner(to_double(g[o]), x_hat, ch) - (sum[ch] + x_hat * dot[ch]) / count));
          },
          dy.strides(), x.strides(), dx.strides(), channel);
    }
  });
  store_doubles(c, 1, dot);
  store_doubles(c, 2, sum);
}

}  // namespace

/// Gradient of BatchNormTraining: dy, x, scale[C], saved_mean[C], saved_inv_std[C], bias[C] (with an
/// activation) {activation...} -> dx, dscale[C], dbias[C]. (Ioffe and Szegedy, 2015)
extern constexpr OpDef kBatchNormGrad{.name = "BatchNormGrad",
                                      .domain = kDunlinDomain,
                                      .source = "Ioffe and Szegedy 2015, section 3",
                                      .inputs = {5, 6},
                                      .outputs = 3,
                                      .infer = infer,
                                      .forward = forward,
                                      .rtol = 1e-4f,
                                      .atol = 1e-5f,
                                      .samples = kSamples};

}  // namespace dunlin::ops
