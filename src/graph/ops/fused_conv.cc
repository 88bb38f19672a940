#include "graph/activation.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1] activation='Clip' activation_a=0.0 activation_b=6.0",
     "f32[2,3,5,4] f32[4,3,3,3] f32[4] f32[2,4,5,4]"},
    {"activation='Silu' strides=[2,2] group=3", "f32[2,3,5,6] f32[3,1,3,3] f32[3]"},
    {"group=8 pads=[1,1,1,1]", "f32[1,8,5,6] f32[8,1,3,3] _ f32[1,8,5,6]"},
    {"pads=[1,1] activation='HardSwish'", "f32[1,3,6] f32[5,3,3] f32[5]"},
};

const OpDef& conv() { return *find_op("", "Conv", kNewestOpset); }

void forward(const OpCall& c) {
  const ConvGeometry g = conv_geometry(c, c.input(0).shape(), c.input(1).shape());
  const Activation act = activation_attribute(c);
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(0), w = c.in<T>(1);
    const auto y = c.out<T>(0);
    const T* residual = c.has_input(3) ? c.input(3).data<T>() : nullptr;
    // Both are walked in one order, so that the residual's place follows from the output's.
    std::vector<int64_t> places;
    if (residual) {
      const auto rs = conv_strides(c.input(3).strides());
      for (int64_t n = 0; n < g.n; ++n)
        for (int64_t m = 0; m < g.groups * g.m; ++m)
          for (int64_t i = 0; i < g.out[0]; ++i)
            for (int64_t j = 0; j < g.out[1]; ++j)
              for (int64_t k = 0; k < g.out[2]; ++k)
                places.push_back(n * rs[0] + m * rs[1] + i * rs[2] + j * rs[3] + k * rs[4]);
    }
    double sum = 0;
    size_t next = 0;
    for_each_conv_output(
        g, x.strides(), w.strides(), y.strides(), [&](int64_t) { sum = 0; },
        [&](int64_t i, int64_t k) { sum += to_double(x.data()[i]) * to_double(w.data()[k]); },
        [&](int64_t o, int64_t m) {
          if (c.has_input(2)) sum += to_double(c.in<T>(2)[static_cast<size_t>(m)]);
          if (residual) sum += to_double(residual[places[next++]]);
          y.data()[o] = from_double<T>(apply(act, sum));
        });
  });
}

}  // namespace

/// activation(Conv(x, w, bias) + residual): x, w, bias (optional), residual like y (optional) {Conv's
/// attributes, activation}. Made by passes/fuse_epilogues.h.
extern constexpr OpDef kFusedConv{.name = "FusedConv",
                                  .domain = kDunlinDomain,
                                  .source = "ONNX Conv, Add and an activation",
                                  .inputs = {2, 4},
                                  .infer =
                                      [](const InferArgs& a) {
                                        auto out = conv().infer(a);
                                        if (a.has_shape(3) && out[0].shape && out[0].shape->known() &&
                                            a.shape(3).known() && a.shape(3) != *out[0].shape)
                                          a.error("the residual is {}, {} is expected", to_string(a.shape(3)),
                                                  to_string(*out[0].shape));
                                        return out;
                                      },
                                  .forward = forward,
                                  .samples = kSamples};

}  // namespace dunlin::ops
