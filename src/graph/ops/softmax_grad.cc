#include <cmath>

#include "graph/ops/lanes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"axis=1", "f32[2,3,4] f32[2,3,4]@0..1"},
                               {"axis=1 flatten=1", "f32[2,3,2] f32[2,3,2]@0..1"}};

void forward(const OpCall& c) {
  const Lanes lanes = lanes_of(c, c.input(0).shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto dy = c.in<T>(0), y = c.in<T>(1);
    const auto dx = c.out<T>(0);
    for_each_lane(lanes, [&](size_t first, size_t step) {
      const size_t end = first + static_cast<size_t>(lanes.length) * step;
      double sum = 0;
      for (size_t i = first; i < end; i += step) sum += to_double(dy[i]) * to_double(y[i]);
      for (size_t i = first; i < end; i += step)
        dx[i] = from_double<T>(to_double(y[i]) * (to_double(dy[i]) - sum));
    });
  });
}

}  // namespace

/// dx of Softmax: dy, y {axis, flatten} -> dx = y * (dy - sum(dy * y)).
/// flatten=1: the axes from `axis` on count as one.
extern constexpr OpDef kSoftmaxGrad{.name = "SoftmaxGrad",
                                    .domain = kDunlinDomain,
                                    .source = "derivative of ONNX Softmax",
                                    .inputs = 2,
                                    .infer = infer_lanes,
                                    .forward = forward,
                                    .samples = kSamples};

}  // namespace dunlin::ops
