#include "graph/ops/lanes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[3,5]"}, {"axis=1", "f32[2,4,3]"}};
constexpr Sample kSamples1[] = {{"", "f32[2,3,4]", 11}};

/// 1 at the first maximum of each lane, 0 elsewhere.
void forward(const OpCall& c) {
  const Lanes lanes = lanes_of(c, c.input(0).shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(0);
    const auto y = c.out<T>(0);
    for_each_lane(lanes, [&](size_t first, size_t step) {
      const size_t end = first + static_cast<size_t>(lanes.length) * step;
      size_t best = first;
      for (size_t i = first; i < end; i += step) {
        y[i] = T{};
        if (to_double(x[i]) > to_double(x[best])) best = i;
      }
      if (lanes.length > 0) y[best] = from_double<T>(1);
    });
  });
}

constexpr OpDef kOpset1{.name = "Hardmax",
                        .source = "ONNX Hardmax, opsets below 13 flatten the input to a matrix",
                        .inputs = 1,
                        .infer = infer_lanes,
                        .forward = forward,
                        .stops_gradient = true,
                        .samples = kSamples1};

}  // namespace

extern constexpr OpDef kHardmax{.name = "Hardmax",
                                .since = 13,
                                .source = "ONNX Hardmax",
                                .inputs = 1,
                                .infer = infer_lanes,
                                .forward = forward,
                                .stops_gradient = true,
                                .samples = kSamples,
                                .older = &kOpset1};

}  // namespace dunlin::ops
