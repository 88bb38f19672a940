#include <cmath>

#include "graph/ops/reduce.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[2,3,2,2]"}, {"axes=[1]", "f32[2,3,4]"}};

void forward(const OpCall& c) {
  const Tensor& x = c.input(0);
  const std::vector<bool> reduced = reduced_axes(c, c.attr_ints("axes", {0, 2, 3}), x.shape().rank());
  const auto [to, kept] = lanes_kept(x.shape(), reduced);
  const double count = kept == 0 ? 1 : static_cast<double>(x.num_elements()) / static_cast<double>(kept);
  std::vector<double> mean(static_cast<size_t>(kept), 0.0), deviation(mean);
  for_float_format(x.format(), [&]<typename T>() {
    const T* in = x.data<T>();
    Tensor& y = c.output(0);
    T* out = y.data<T>();
    const auto each = [&](auto f) { for_each_strided(x.shape(), f, x.strides(), y.strides(), to); };
    each([&](size_t, int64_t i, int64_t, int64_t k) {
      mean[static_cast<size_t>(k)] += to_double(in[i]) / count;
    });
    each([&](size_t, int64_t i, int64_t, int64_t k) {
      const double d = to_double(in[i]) - mean[static_cast<size_t>(k)];
      deviation[static_cast<size_t>(k)] += d * d / count;
    });
    for (double& d : deviation) d = std::sqrt(d) + 1e-9;
    each([&](size_t, int64_t i, int64_t o, int64_t k) {
      const size_t at = static_cast<size_t>(k);
      out[o] = from_double<T>((to_double(in[i]) - mean[at]) / deviation[at]);
    });
  });
}

/// y = (x - mean) / (deviation + 1e-9): dx = (dy - mean(dy) - y mean(dy y)) / (deviation + 1e-9).
void gradient(Grad& g) {
  const ValueId x = g.in(0), dy = g.out_grad(0), axes = g.constant_ints(g.attr_ints("axes", {0, 2, 3}));
  const auto mean = [&](ValueId v) { return g.emit("ReduceMean", {v, axes}); };
  const ValueId centred = g.sub(x, mean(x));
  const ValueId deviation = g.add(g.emit("Sqrt", {mean(g.mul(centred, centred))}), g.constant(1e-9f, x));
  const ValueId along = g.mul(g.out(0), mean(g.mul(dy, g.out(0))));
  g.to_input(0, g.div(g.sub(g.sub(dy, mean(dy)), along), deviation));
}

}  // namespace

extern constexpr OpDef kMeanVarianceNormalization{.name = "MeanVarianceNormalization",
                                                  .since = 9,
                                                  .source = "ONNX MeanVarianceNormalization",
                                                  .inputs = 1,
                                                  .infer = infer_same,
                                                  .forward = forward,
                                                  .gradient = gradient,
                                                  .rtol = 1e-4f,
                                                  .atol = 1e-5f,
                                                  .samples = kSamples};

}  // namespace dunlin::ops
