#include <algorithm>
#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"pooled_shape=[2,3]", "f32[2,2,6,5] f32[2,5]{1,0,1,4,5,0,2,2,2,2}"},
    {"pooled_shape=[2,2] spatial_scale=0.5", "f32[1,1,6,6] f32[2,5]{0,1,1,9,7,0,8,8,14,15}", 7},
};

Shape pooled(const NodeView& a, const Shape& x, const Shape& rois) {
  if (x.rank() != 4 || rois.rank() != 2 || !may_equal(rois[1], 5))
    a.error("X is {}, rois {}: [N, C, H, W] and [rois, 5] are expected", to_string(x), to_string(rois));
  const std::vector<int64_t> size = bounded(a, "pooled_shape", a.attr_ints("pooled_shape"), 2, 1);
  return {rois[0], x[1], size[0], size[1]};
}

struct Range {
  int64_t begin, end;
};

/// Bin `b` of `bins` that divide `begin` to `end`, both included, among `size` elements.
Range bin_of(int64_t begin, int64_t end, int64_t b, int64_t bins, int64_t size) {
  const int64_t length = std::max<int64_t>(end - begin + 1, 1);
  const int64_t from = begin + b * length / bins, to = begin + ((b + 1) * length + bins - 1) / bins;
  return {std::clamp<int64_t>(from, 0, size), std::clamp<int64_t>(to, 0, size)};
}

void forward(const OpCall& c) {
  const Shape &xs = c.input(0).shape(), &ys = c.output(0).shape();
  const std::vector<double> x = to_doubles(c.input(0)), rois = to_doubles(c.input(1));
  const double scale = c.attr_float("spatial_scale", 1);
  std::vector<double> y(static_cast<size_t>(ys.num_elements()), 0.0);
  size_t o = 0;
  double steps = 0;
  for (int64_t r = 0; r < ys[0]; ++r) {
    const double* roi = rois.data() + r * 5;
    if (!(roi[0] >= 0 && roi[0] < static_cast<double>(xs[0])))
      c.error("region {} is in image {}, there are {}", r, roi[0], xs[0]);
    int64_t at[4];
    for (int k = 0; k < 4; ++k) {
      const double edge = std::round(roi[k + 1] * scale);
      if (!(std::fabs(edge) <= 0x1p31))
        c.error("region {} has an edge at {}, at most 2^31 is supported", r, edge);
      at[k] = static_cast<int64_t>(edge);
    }
    for (int64_t ch = 0; ch < ys[1]; ++ch) {
      const double* plane = x.data() + (static_cast<int64_t>(roi[0]) * xs[1] + ch) * xs[2] * xs[3];
      for (int64_t i = 0; i < ys[2]; ++i)
        for (int64_t j = 0; j < ys[3]; ++j, ++o) {
          const Range h = bin_of(at[1], at[3], i, ys[2], xs[2]), w = bin_of(at[0], at[2], j, ys[3], xs[3]);
          if (h.begin >= h.end || w.begin >= w.end) continue;
          steps += static_cast<double>(h.end - h.begin) * static_cast<double>(w.end - w.begin);
          check_steps(c, steps);
          double largest = -INFINITY;
          for (int64_t a = h.begin; a < h.end; ++a)
            for (int64_t b = w.begin; b < w.end; ++b) largest = std::max(largest, plane[a * xs[3] + b]);
          y[o] = largest;
        }
    }
  }
  store_doubles(c, 0, y);
}

}  // namespace

/// X, rois (image, x1, y1, x2, y2) -> the largest element in each bin of a region, 0 of an empty one.
extern constexpr OpDef kMaxRoiPool{
    .name = "MaxRoiPool",
    .source = "ONNX MaxRoiPool; Girshick, Fast R-CNN, ICCV 2015",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          return std::vector<Type>{{.format = a.format(0), .shape = pooled(a, a.shape(0), a.shape(1))}};
        },
    .forward = forward,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
