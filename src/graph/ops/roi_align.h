// RoiAlign and its gradient: the points that each bin of a region samples.
#pragma once

#include <array>

#include "graph/ops/channels.h"

namespace dunlin::ops {

struct RoiAligned {
  int64_t batch = 0;
  /// One entry a bin of an axis: its samples, each the sum of two weighted rows (or columns) of X. A sample
  /// outside X has weights of 0.
  struct Sample {
    int64_t low = 0, high = 0;
    double low_weight = 0, high_weight = 0;
  };
  std::vector<std::vector<Sample>> y, x;
};

/// [rois, C, output_height, output_width]; throws when the inputs' shapes do not fit.
Shape roi_align_shape(const NodeView& a, const Shape& x, const Shape& rois, const Shape& batch_indices);
bool takes_maximum(const NodeView& a);

/// `first`: the input that X is; rois and batch_indices follow.
class RoiSampler {
 public:
  RoiSampler(const OpCall& c, int first);
  size_t size() const { return batches_.size(); }
  /// One region's samples, made when asked for: all of them could be more than memory holds.
  RoiAligned operator[](size_t r) const;
  const Shape& x() const { return x_; }
  const Shape& y() const { return y_; }

 private:
  /// Where a region begins and ends in X's own coordinates: y, x.
  struct Extent {
    double begin[2], end[2];
  };
  Extent extent(size_t r) const;

  const OpCall* call_;
  Shape x_, y_;
  std::vector<double> rois_;
  std::vector<int64_t> batches_;
};

/// One of the four weighted elements of X that a sample is made of.
struct RoiCorner {
  size_t offset;
  double weight;
};
using RoiPoint = std::array<RoiCorner, 4>;
/// What mode 'max' takes from a bin: the largest weighted element, as ONNX's reference and ONNX Runtime do, not
/// the largest interpolated sum: a model gives what it gives there. There is at least one point.
inline RoiCorner largest_corner(const std::vector<RoiPoint>& points, const std::vector<double>& x) {
  RoiCorner best = points[0][0];
  double largest = best.weight * x[best.offset];
  for (const RoiPoint& p : points)
    for (const RoiCorner& corner : p)
      if (const double v = corner.weight * x[corner.offset]; v > largest) best = corner, largest = v;
  return best;
}
/// f(position in the output, the bin's points): bins in row-major order.
template <typename F>
void for_each_roi_bin(const RoiSampler& rois, F f) {
  const Shape& x = rois.x();
  std::vector<RoiPoint> points;
  size_t next = 0;
  for (size_t r = 0; r < rois.size(); ++r) {
    const RoiAligned roi = rois[r];
    for (int64_t c = 0; c < x[1]; ++c) {
      const int64_t base = (roi.batch * x[1] + c) * x[2] * x[3];
      const auto corner = [&](int64_t row, int64_t column, double weight) {
        return RoiCorner{static_cast<size_t>(base + row * x[3] + column), weight};
      };
      for (const auto& rows : roi.y)
        for (const auto& columns : roi.x) {
          points.clear();
          for (const RoiAligned::Sample& v : rows)
            for (const RoiAligned::Sample& h : columns)
              points.push_back({corner(v.low, h.low, v.low_weight * h.low_weight),
                                corner(v.low, h.high, v.low_weight * h.high_weight),
                                corner(v.high, h.low, v.high_weight * h.low_weight),
                                corner(v.high, h.high, v.high_weight * h.high_weight)});
          f(next++, points);
        }
    }
  }
}

}  // namespace dunlin::ops
