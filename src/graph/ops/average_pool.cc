#include "graph/ops/average_pool.h"

#include "graph/autodiff/grad.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"kernel_shape=[3] strides=[2] ceil_mode=1", "f32[2,1,2]"},
    {"kernel_shape=[2,2] strides=[2,2]", "f32[2,3,4,6]"},
    {"kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", "f32[1,2,7,6]"},
    {"kernel_shape=[3,3] strides=[2,2] pads=[1,1,0,1] count_include_pad=1 ceil_mode=1", "f32[1,2,6,6]"},
    {"kernel_shape=[3] auto_pad='SAME_UPPER' dilations=[2]", "f32[2,1,6]"},
    {"kernel_shape=[2,1,2]", "f32[1,2,3,2,3]"},
    {"kernel_shape=[2,3,2] strides=[2,1,1] pads=[1,1,0,0,1,1]", "f32[2,2,4,3,3]"},
    {"kernel_shape=[2,2,2] strides=[2,2,2] ceil_mode=1 count_include_pad=1 pads=[1,0,1,0,1,0]",
     "f32[1,2,3,4,4]"},
    {"kernel_shape=[3,2] pads=[0,1,2,0] strides=[1,2]", "f32[1,2,4,5]", 7},
    {"kernel_shape=[2] auto_pad='SAME_LOWER'", "f32[2,2,6]", 1},
};

void forward(const OpCall& c) {
  const AverageWindows windows(c, c.input(0).shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& x = c.input(0);
    Tensor& y = c.output(0);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    double sum = 0;
    int64_t taps = 0;
    for_each_pool_output(
        windows.geometry(), x.strides(), y.strides(), [&] { sum = 0, taps = 0; },
        [&](int64_t i, const std::array<int64_t, 3>&) { sum += to_double(in[i]), ++taps; },
        [&](int64_t o, int64_t, const std::array<int64_t, 3>& at) {
          out[o] = from_double<T>(sum / windows.divisor(taps, at));
        });
  });
}

}  // namespace

extern constexpr OpDef kAveragePool{
    .name = "AveragePool",
    .source = "ONNX AveragePool",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{{.format = a.format(0), .shape = pool_shape(a, a.shape(0))}};
        },
    .forward = forward,
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("AveragePoolGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
