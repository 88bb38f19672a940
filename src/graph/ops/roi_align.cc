#include "graph/ops/roi_align.h"

#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"output_height=2 output_width=3 sampling_ratio=2",
     "f32[2,2,6,5] f32[2,4]{0.3,0.6,3.2,4.1,1.3,-0.7,4.4,5.8} i64{1,0}"},
    {"output_height=2 output_width=2 spatial_scale=0.5 coordinate_transformation_mode='output_half_pixel'",
     "f32[1,2,5,5] f32[2,4]{0.3,0.6,7.2,8.1,2,2,2.1,2.1} i64{0,0}"},
    {"output_height=2 mode='max' sampling_ratio=2", "f32[1,1,5,5] f32[1,4]{0.3,0.6,3.2,4.1} i64{0}"},
    {"output_width=2", "f32[1,1,4,4] f32[1,4]{0.5,0.5,2.5,3} i64{0}", 10},
};

bool half_pixel(const NodeView& a) {
  const bool old = a.node().domain.empty() && a.opset() < 16;
  const std::string mode =
      a.attr_string("coordinate_transformation_mode", old ? "output_half_pixel" : "half_pixel");
  if (mode != "half_pixel" && mode != "output_half_pixel")
    a.error("coordinate_transformation_mode is {}, half_pixel or output_half_pixel is expected", mode);
  return mode == "half_pixel";
}

/// How many samples a bin of one axis takes.
double samples_of_bin(const NodeView& a, double begin, double end, int64_t bins) {
  constexpr double kMostSamples = 1024, kMostOfAnAxis = 1 << 20;
  const int64_t ratio = a.attr_int("sampling_ratio", 0);
  const double count =
      ratio > 0 ? static_cast<double>(ratio) : std::ceil((end - begin) / static_cast<double>(bins));
  if (!(count <= kMostSamples && count * static_cast<double>(bins) <= kMostOfAnAxis))
    a.error(
        "a region from {} to {} takes {} samples an axis for each of {} bins: at most {} and 2^20 together "
        "are supported",
        begin, end, count, bins, kMostSamples);
  return std::max(count, 0.0);
}

/// Samples of the bins of one axis between `begin` and `end`, in X's own coordinates.
std::vector<std::vector<RoiAligned::Sample>> axis_samples(const NodeView& a, double begin, double end,
                                                          int64_t bins, int64_t size) {
  const double bin = (end - begin) / static_cast<double>(bins), count = samples_of_bin(a, begin, end, bins);
  std::vector<std::vector<RoiAligned::Sample>> out(static_cast<size_t>(bins));
  const double last = static_cast<double>(size) - 1;
  for (int64_t b = 0; b < bins; ++b)
    for (int64_t i = 0; static_cast<double>(i) < count; ++i) {
      double at = begin + static_cast<double>(b) * bin + (static_cast<double>(i) + 0.5) * bin / count;
      RoiAligned::Sample s;
      if (at >= -1 && at <= static_cast<double>(size)) {
        at = std::clamp(at, 0.0, last);
        s.low = static_cast<int64_t>(at);
        s.high = std::min(s.low + 1, size - 1);
        s.high_weight = at - static_cast<double>(s.low);
        s.low_weight = 1 - s.high_weight;
      }
      out[static_cast<size_t>(b)].push_back(s);
    }
  return out;
}

}  // namespace

bool takes_maximum(const NodeView& a) {
  const std::string mode = a.attr_string("mode", "avg");
  if (mode != "avg" && mode != "max") a.error("mode is {}, avg or max is expected", mode);
  return mode == "max";
}

Shape roi_align_shape(const NodeView& a, const Shape& x, const Shape& rois, const Shape& batch_indices) {
  if (x.rank() != 4 || rois.rank() != 2 || batch_indices.rank() != 1 || !may_equal(rois[1], 4) ||
      !may_equal(rois[0], batch_indices[0]))
    a.error("X is {}, rois {}, batch_indices {}: [N, C, H, W], [rois, 4] and [rois] are expected",
            to_string(x), to_string(rois), to_string(batch_indices));
  if (x[2] == 0 || x[3] == 0) a.error("X is {}: nothing can be sampled from it", to_string(x));
  takes_maximum(a);
  half_pixel(a);
  Shape y{rois[0], x[1]};
  for (const char* name : {"output_height", "output_width"}) {
    const int64_t size = a.attr_int(name, 1);
    if (size < 1 || size > (int64_t{1} << 16)) a.error("{} is {}, 1 to 65536 is expected", name, size);
    y.push_back(size);
  }
  if (const int64_t ratio = a.attr_int("sampling_ratio", 0); ratio < 0)
    a.error("sampling_ratio is {}, 0 or more is expected", ratio);
  return y;
}

RoiSampler::RoiSampler(const OpCall& c, int first)
    : call_(&c),
      x_(c.input(first).shape()),
      y_(roi_align_shape(c, x_, c.input(first + 1).shape(), c.input(first + 2).shape())),
      rois_(to_doubles(c.input(first + 1))),
      batches_(to_ints(c.input(first + 2))) {
  for (int64_t b : batches_)
    if (b < 0 || b >= x_[0]) c.error("batch index {} is outside [0, {})", b, x_[0]);
  double steps = 0;  // few bytes can ask for many bins of many samples
  for (size_t r = 0; r < size(); ++r) {
    const Extent e = extent(r);
    double samples = static_cast<double>(std::max<int64_t>(x_[1], 1));
    for (int d = 0; d < 2; ++d)
      samples *=
          static_cast<double>(y_[d + 2]) * std::max(samples_of_bin(c, e.begin[d], e.end[d], y_[d + 2]), 1.0);
    steps += samples;
  }
  check_steps(c, steps);
}

RoiSampler::Extent RoiSampler::extent(size_t r) const {
  const double scale = call_->attr_float("spatial_scale", 1), shift = half_pixel(*call_) ? 0.5 : 0;
  double at[4];
  for (size_t k = 0; k < 4; ++k) at[k] = rois_[r * 4 + k] * scale - shift;
  // The older way of counting makes every region one element wide at least.
  if (shift == 0)
    for (size_t k = 0; k < 2; ++k) at[k + 2] = std::max(at[k + 2], at[k] + 1);
  return {{at[1], at[0]}, {at[3], at[2]}};
}

RoiAligned RoiSampler::operator[](size_t r) const {
  const Extent e = extent(r);
  return {.batch = batches_[r],
          .y = axis_samples(*call_, e.begin[0], e.end[0], y_[2], x_[2]),
          .x = axis_samples(*call_, e.begin[1], e.end[1], y_[3], x_[3])};
}

/// X, rois (x1, y1, x2, y2), batch_indices -> the mean or the largest of the samples in each bin of a region.
extern constexpr OpDef kRoiAlign{
    .name = "RoiAlign",
    .since = 10,
    .source = "ONNX RoiAlign",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          return std::vector<Type>{
              {.format = a.format(0), .shape = roi_align_shape(a, a.shape(0), a.shape(1), a.shape(2))}};
        },
    .forward =
        [](const OpCall& c) {
          const std::vector<double> x = to_doubles(c.input(0));
          std::vector<double> y(static_cast<size_t>(c.output(0).num_elements()));
          const bool maximum = takes_maximum(c);
          for_each_roi_bin(RoiSampler(c, 0), [&](size_t o, const std::vector<RoiPoint>& points) {
            if (maximum) {
              if (points.empty()) return;
              const RoiCorner corner = largest_corner(points, x);
              y[o] = corner.weight * x[corner.offset];
              return;
            }
            double sum = 0;
            for (const RoiPoint& p : points)
              for (const RoiCorner& corner : p) sum += corner.weight * x[corner.offset];
            if (!points.empty()) y[o] = sum / static_cast<double>(points.size());
          });
          store_doubles(c, 0, y);
        },
    .gradient =
        [](Grad& g) {  // Of X alone: like PyTorch's, the regions have none.
          Attributes attributes = g.node().attributes;
          attributes["coordinate_transformation_mode"] =
              std::string(half_pixel(g) ? "half_pixel" : "output_half_pixel");
          g.to_input(
              0, g.emit("RoiAlignGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(2)}, std::move(attributes)));
        },
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
