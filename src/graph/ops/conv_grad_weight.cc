#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1] strides=[2,1]", "f32[2,4,3,4] f32[2,3,5,4] f32[4,3,3,3]"},
    {"group=2 dilations=[2]", "f32[1,4,3] f32[1,2,7] f32[4,1,3]"},
};

void forward(const OpCall& c) {
  const Tensor& w_like = c.input(2);
  const ConvGeometry g = conv_geometry(c, c.input(1).shape(), w_like.shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto dy = c.in<T>(0), x = c.in<T>(1);
    const Strides w_strides = row_major_strides(w_like.shape());
    std::vector<double> sums(static_cast<size_t>(w_like.num_elements()), 0.0);
    double d = 0;
    for_each_conv_output(
        g, x.strides(), w_strides, dy.strides(), [&](int64_t o) { d = to_double(dy.data()[o]); },
        [&](int64_t i, int64_t k) { sums[static_cast<size_t>(k)] += d * to_double(x.data()[i]); },
        [](int64_t, int64_t) {});
    const auto dw = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i) dw[i] = from_double<T>(sums[i]);
  });
}

void gradient(Grad& g) {
  const Attributes& attributes = g.node().attributes;
  const ValueId ddw = g.out_grad(0);
  if (g.needs(0)) g.to_input(0, g.emit("Conv", {g.in(1), ddw}, attributes));
  if (g.needs(1)) g.to_input(1, g.emit("ConvGradInput", {g.in(0), ddw, g.in(1)}, attributes));
}

}  // namespace

/// dw of Conv: dy[N,M,out...], x[N,C,in...], w (its shape only) -> dw like w. Attributes of the Conv.
extern constexpr OpDef kConvGradWeight{
    .name = "ConvGradWeight",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Conv in W",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) { return std::vector<Type>{{.format = a.format(0), .shape = a.shape(2)}}; },
    .forward = forward,
    .gradient = gradient,
    .shape_only_inputs = 0b100,
    .samples = kSamples};

}  // namespace dunlin::ops
