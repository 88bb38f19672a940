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
  for_each_roi_bin(rois, [&](size_t o, const std::vector<RoiPoint>& points) {
    const auto give = [&](const RoiCorner& corner, double d) { dx[corner.offset] += d * corner.weight; };
    if (points.empty()) return;
    if (maximum) return give(largest_corner(points, x), dy[o]);
    for (const RoiPoint& p : points)
      for (const RoiCorner& corner : p) give(corner, dy[o] / static_cast<double>(points.size()));
  });
  store_doubles(c, 0, dx);
}

}  // namespace

/// dX of RoiAlign: dy, X, rois, batch_indices. Attributes of RoiAlign.
extern constexpr OpDef kRoiAlignGrad{.name = "RoiAlignGrad",
                                     .domain = kDunlinDomain,
                                     .source = "adjoint of ONNX RoiAlign in X",
                                     .inputs = 4,
                                     .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
                                     .forward = forward,
                                     .costly = true,
                                     .samples = kSamples};

}  // namespace dunlin::ops
