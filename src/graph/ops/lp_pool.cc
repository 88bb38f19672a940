#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"kernel_shape=[2,2] strides=[2,2]", "f32[2,3,4,6]"},
                               {"kernel_shape=[3] pads=[1,1] p=3", "f32[1,2,7]"},
                               {"kernel_shape=[2,1,2] p=1", "f32[1,2,3,2,3]"}};

void forward(const OpCall& c) {
  const ConvGeometry g = pool_geometry(c, c.input(0).shape());
  const double p = static_cast<double>(c.attr_int("p", 2));
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& x = c.input(0);
    Tensor& y = c.output(0);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    double sum = 0;
    for_each_pool_output(
        g, x.strides(), y.strides(), [&] { sum = 0; },
        [&](int64_t i, const std::array<int64_t, 3>&) { sum += std::pow(std::abs(to_double(in[i])), p); },
        [&](int64_t o, int64_t, const std::array<int64_t, 3>&) {
          out[o] = from_double<T>(std::pow(sum, 1 / p));
        });
  });
}

}  // namespace

extern constexpr OpDef kLpPool{
    .name = "LpPool",
    .since = 2,
    .source = "ONNX LpPool",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{{.format = a.format(0), .shape = pool_shape(a, a.shape(0))}};
        },
    .forward = forward,
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("LpPoolGrad", {g.out_grad(0), g.in(0), g.out(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
