#include "graph/ops/batch_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"epsilon=0.01", "f32[2,3,4] f32[2,3,4] f32[3] f32[3] f32[3]@0..1", 21, 3}};

std::vector<Type> infer(const InferArgs& a) {
  check_channel_vectors(a, a.shape(1), 2, 4);
  return {a.type(1), a.type(2), a.type(2)};
}

void forward(const OpCall& c) {
  const Tensor &dy = c.input(0), &x = c.input(1);
  const std::vector<double> scale = to_doubles(c.input(2)), mean = to_doubles(c.input(3)),
                            inv_std =
                                inverse_deviation(to_doubles(c.input(4)), c.attr_float("epsilon", 1e-5f));
  std::vector<double> sum(scale.size(), 0.0), dot(scale.size(), 0.0);
  for_float_format(x.format(), [&]<typename T>() {
    const T *g = dy.data<T>(), *in = x.data<T>();
    Tensor& dx = c.output(0);
    T* out = dx.data<T>();
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t o, int64_t i, int64_t d, int64_t k) {
          const size_t ch = static_cast<size_t>(k);
          const double grad = to_double(g[o]);
          sum[ch] += grad;
          dot[ch] += grad * (to_double(in[i]) - mean[ch]) * inv_std[ch];
          out[d] = from_double<T>(grad * scale[ch] * inv_std[ch]);
        },
        dy.strides(), x.strides(), dx.strides(), channel_index(x.shape().rank()));
  });
  store_doubles(c, 1, dot);
  store_doubles(c, 2, sum);
}

}  // namespace

/// Gradient of BatchNormalization with stored statistics: dy, x, scale[C], mean[C], var[C] {epsilon}
///   -> dx, dscale[C], dbias[C].
extern constexpr OpDef kBatchNormFrozenGrad{.name = "BatchNormFrozenGrad",
                                            .domain = kDunlinDomain,
                                            .source = "derivative of ONNX BatchNormalization",
                                            .inputs = 5,
                                            .outputs = 3,
                                            .infer = infer,
                                            .forward = forward,
                                            .rtol = 1e-4f,
                                            .atol = 1e-5f,
                                            .samples = kSamples};

}  // namespace dunlin::ops
