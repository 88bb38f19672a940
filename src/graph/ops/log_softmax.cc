#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/lanes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[3,5]@-4..4"}, {"axis=1", "f32[2,4,3]@-4..4"}, {"axis=0", "f32[3,2]"}, {"axis=-1", "f32[0,3]"}};
constexpr Sample kSamples1[] = {{"", "f32[2,3,4]", 11}, {"axis=-1", "f32[2,3,4]", 12}};

void forward(const OpCall& c) {
  const Lanes lanes = lanes_of(c, c.input(0).shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(0);
    const auto y = c.out<T>(0);
    for_each_lane(lanes, [&](size_t first, size_t step) {
      const size_t end = first + static_cast<size_t>(lanes.length) * step;
      double max = -INFINITY, sum = 0;
      for (size_t i = first; i < end; i += step) max = std::max(max, to_double(x[i]));
      for (size_t i = first; i < end; i += step) sum += std::exp(to_double(x[i]) - max);
      const double shift = max + std::log(sum);
      for (size_t i = first; i < end; i += step) y[i] = from_double<T>(to_double(x[i]) - shift);
    });
  });
}

void gradient(Grad& g) {
  g.to_input(
      0, g.emit("LogSoftmaxGrad", {g.out_grad(0), g.out(0)}, lane_attributes(g, g.graph().type(g.in(0)))));
}

constexpr OpDef kOpset1{.name = "LogSoftmax",
                        .source = "ONNX LogSoftmax, opsets below 13 flatten the input to a matrix",
                        .inputs = 1,
                        .infer = infer_lanes,
                        .forward = forward,
                        .gradient = gradient,
                        .samples = kSamples1};

}  // namespace

extern constexpr OpDef kLogSoftmax{.name = "LogSoftmax",
                                   .since = 13,
                                   .source = "ONNX LogSoftmax",
                                   .inputs = 1,
                                   .infer = infer_lanes,
                                   .forward = forward,
                                   .gradient = gradient,
                                   .samples = kSamples,
                                   .older = &kOpset1};

}  // namespace dunlin::ops
