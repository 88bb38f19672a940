#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1]", "f32[2,3,5,4] f32[4,3,3,3] f32[4]"},
    {"strides=[2,2] kernel_shape=[3,3] group=2", "f32[1,4,7,6] f32[6,2,3,3]"},
    {"strides=[2,2] group=3 auto_pad='SAME_UPPER'", "f32[2,3,5,6] f32[3,1,3,3] f32[3]"},
    {"dilations=[2,1] auto_pad='SAME_LOWER'", "f32[1,2,6,5] f32[3,2,2,4]"},
    {"pads=[2,1] dilations=[2]", "f32[2,3,7] f32[2,3,3] f32[2]"},
    {"strides=[1,2,1]", "f32[1,2,3,4,3] f32[2,2,2,3,1]"},
    {"group=2 dilations=[1,2,1] pads=[1,0,2,0,1,1]", "f32[1,4,3,4,3] f32[2,2,2,2,3] f32[2]"},
    {"group=3 pads=[1,1,1,1,1,1] strides=[2,1,2]", "f32[2,3,3,3,4] f32[6,1,3,3,3]"},
    {"group=3 pads=[0,0,0,1,0,0]", "f32[1,3,1,5,4] f32[3,1,1,3,3]"},
    {"group=4 dilations=[3] pads=[4,1]", "f32[2,4,8] f32[8,1,3] f32[8]"},
    {"auto_pad='VALID' strides=[2,3]", "f32[1,2,6,7] f32[3,2,2,3]"},
    {"pads=[0,2,1,0] dilations=[1,2] group=2", "f32[2,4,4,5] f32[4,2,2,2] f32[4]"},
    {"auto_pad='SAME_UPPER' strides=[3]", "f32[1,2,8] f32[2,2,4]"},
    {"", "f32[0,2,3,3] f32[2,2,3,3]"},
};

std::vector<Type> infer(const InferArgs& a) {
  return {{.format = a.format(0), .shape = conv_shape(a, 0, 1, 2)}};
}

void forward(const OpCall& c) {
  const ConvGeometry g = conv_geometry(c, c.input(0).shape(), c.input(1).shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(0), w = c.in<T>(1);
    const auto y = c.out<T>(0);
    double sum = 0;
    for_each_conv_output(
        g, x.strides(), w.strides(), y.strides(), [&](int64_t) { sum = 0; },
        [&](int64_t i, int64_t k) { sum += to_double(x.data()[i]) * to_double(w.data()[k]); },
        [&](int64_t o, int64_t m) {
          if (c.has_input(2)) sum += to_double(c.in<T>(2)[static_cast<size_t>(m)]);
          y.data()[o] = from_double<T>(sum);
        });
  });
}

void gradient(Grad& g) {
  const Attributes& attributes = g.node().attributes;
  const ValueId dy = g.out_grad(0);
  if (g.needs(0)) g.to_input(0, g.emit("ConvGradInput", {dy, g.in(1), g.in(0)}, attributes));
  if (g.needs(1)) g.to_input(1, g.emit("ConvGradWeight", {dy, g.in(0), g.in(1)}, attributes));
  if (g.needs(2)) g.to_input(2, g.emit("BiasGrad", {dy}));
}

}  // namespace

extern constexpr OpDef kConv{.name = "Conv",
                             .source = "ONNX Conv",
                             .inputs = {2, 3},
                             .infer = infer,
                             .forward = forward,
                             .gradient = gradient,
                             .samples = kSamples};

}  // namespace dunlin::ops
