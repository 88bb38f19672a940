#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1] strides=[2,1]", "f32[2,4,3,4] f32[4,3,3,3] f32[2,3,5,4]"},
    {"group=2 dilations=[2]", "f32[1,4,3] f32[4,1,3] f32[1,2,7]"},
    {"strides=[1000000000]", "f32[1,1,1] f32[1,1,2] f32[1,1,2]"},
};

void forward(const OpCall& c) {
  const Tensor& x_like = c.input(2);
  const ConvGeometry g = conv_geometry(c, x_like.shape(), c.input(1).shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto dy = c.in<T>(0), w = c.in<T>(1);
    const Strides x_strides = row_major_strides(x_like.shape());
    std::vector<double> sums(static_cast<size_t>(x_like.num_elements()), 0.0);
    double d = 0;
    for_each_conv_output(
        g, x_strides, w.strides(), dy.strides(), [&](int64_t o) { d = to_double(dy.data()[o]); },
        [&](int64_t i, int64_t k) { sums[static_cast<size_t>(i)] += d * to_double(w.data()[k]); },
        [](int64_t, int64_t) {});
    const auto dx = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i) dx[i] = from_double<T>(sums[i]);
  });
}

/// It is linear in dy and in w, and the gradient of each is again a convolution.
void gradient(Grad& g) {
  const Attributes& attributes = g.node().attributes;
  const ValueId ddx = g.out_grad(0);
  if (g.needs(0)) g.to_input(0, g.emit("Conv", {ddx, g.in(1)}, attributes));
  if (g.needs(1)) g.to_input(1, g.emit("ConvGradWeight", {g.in(0), ddx, g.in(1)}, attributes));
}

}  // namespace

/// dx of Conv: dy[N,M,out...], w[M,C/group,kernel...], x (its shape only) -> dx like x. Attributes of the
/// Conv.
extern constexpr OpDef kConvGradInput{
    .name = "ConvGradInput",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Conv in X",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) { return std::vector<Type>{{.format = a.format(0), .shape = a.shape(2)}}; },
    .forward = forward,
    .gradient = gradient,
    .shape_only_inputs = 0b100,
    .samples = kSamples};

}  // namespace dunlin::ops
