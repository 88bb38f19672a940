#include "graph/ops/roi_align.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"output_height=2 output_width=3 sampling_ratio=2",
     "f32[1,2,2,3] f32[1,2,6,5] f32[1,4]{0.3,0.6,3.2,4.1} i64{0}"},
    {"mode='max' sampling_ratio=2", "f32[1,1,1,1] f32[1,1,5,5] f32[1,4]{0.3,0.6,3.2,4.1} i64{0}"}};

void forward(const OpCall& c) {
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1));
  const RoiSampler rois(c, 1);
  if (rois.y() != c.input(0).shape())
    c.error("dy is {}, {} is expected", to_string(c.input(0).shape()), to_string(rois.y()));
  std::vector<double> dx(x.size(), 0.0);
  const bool maximum = takes_maximum(c);
  const auto give = [&](const RoiPoint& p, double d) {
    for (size_t k = 0; k < 4; ++k) dx[static_cast<size_t>(p.offset[k])] += d * p.weight[k];
  };
  for_each_roi_bin(rois, [&](size_t o, const std::vector<RoiPoint>& points) {
    const RoiPoint* best = nullptr;
    double largest = 0;
    for (const RoiPoint& p : points) {
      if (!maximum) {
        give(p, dy[o] / static_cast<double>(points.size()));
        continue;
      }
      double value = 0;
      for (size_t k = 0; k < 4; ++k) value += p.weight[k] * x[static_cast<size_t>(p.offset[k])];
      if (!best || value > largest) best = &p, largest = value;
    }
    if (best) give(*best, dy[o]);
  });
  store_doubles(c, 0, dx);
}

}  // namespace

/// dX of RoiAlign: dy, X, rois, batch_indices. Attributes of RoiAlign.
extern constexpr OpDef kRoiAlignGrad{.name = "RoiAlignGrad",
                                     .domain = kDunlinDomain,
                                     .source = "adjoint of ONNX RoiAlign in X",
                                     .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
                                     .forward = forward,
                                     .costly = true,
                                     .samples = kSamples};

}  // namespace dunlin::ops
