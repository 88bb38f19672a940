// GridSample and its gradient: which elements of X a point of the grid reads, and with which weights.
#pragma once

#include <array>

#include "graph/ops/channels.h"

namespace dunlin::ops {

class GridSampler {
 public:
  static constexpr int kMaxAxes = 3;
  struct Read {
    int64_t offset = 0;  ///< within one channel of X, row major
    double weight = 1;
    std::array<double, kMaxAxes> slope{};  ///< of the weight by each coordinate of the grid
  };

  /// Reads the attributes; throws when x[N,C,in...] and grid[N,out...,axes] do not fit.
  GridSampler(const NodeView& a, const Shape& x, const Shape& grid);
  /// What the point at these coordinates (the last spatial axis first) reads. Nothing: the value is 0.
  void reads(const double* coordinates, std::vector<Read>& out) const;
  int axes() const { return axes_; }
  /// [N, C, out...]
  Shape y() const { return y_; }

 private:
  enum class Mode : uint8_t { kNearest, kLinear, kCubic };
  enum class Padding : uint8_t { kZeros, kBorder, kReflection };
  struct Tap {
    double index, weight, slope;
  };
  /// The coordinate brought inside, and its slope by the one given.
  std::pair<double, double> padded(double coordinate, double size) const;
  std::vector<Tap> taps(double coordinate, double size) const;

  Mode mode_;
  Padding padding_;
  bool align_corners_;
  int axes_;
  std::array<int64_t, kMaxAxes> in_{};
  Shape y_;
};

/// The sampler of inputs x and grid with concrete shapes, and the numbers of positions: batches, channels,
/// elements of a channel of x, and of y.
struct GridSizes {
  int64_t n, c, in, out;
};
GridSizes grid_sizes(const Shape& x, const Shape& y);

}  // namespace dunlin::ops
