#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,4,5]"}, {"", "f32[1,2,7]"}, {"", "f32[2,2,3,2,2]"}, {"", "f32[0,2,3,3]"}};

void forward(const OpCall& c) {
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& x = c.input(0);
    Tensor& y = c.output(0);
    const T* in = x.data<T>();
    std::vector<double> sums(static_cast<size_t>(y.num_elements()), 0.0);
    Strides index(x.strides().size(), 0);
    index[0] = x.shape()[1], index[1] = 1;
    for_each_strided(
        x.shape(), [&](size_t, int64_t i, int64_t o) { sums[static_cast<size_t>(o)] += to_double(in[i]); },
        x.strides(), index);
    const double count =
        sums.empty() ? 1 : static_cast<double>(x.num_elements()) / static_cast<double>(sums.size());
    const auto out = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i) out[i] = from_double<T>(sums[i] / count);
  });
}
}  // namespace

extern constexpr OpDef kGlobalAveragePool{
    .name = "GlobalAveragePool",
    .source = "ONNX GlobalAveragePool",
    .inputs = 1,
    .infer = infer_global_pool,
    .forward = forward,
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("GlobalAveragePoolGrad", {g.out_grad(0), g.in(0)}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
