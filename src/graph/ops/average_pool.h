// Windows and divisors of AveragePool, for the op and its gradient.
#pragma once

#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

class AverageWindows {
 public:
  AverageWindows(const NodeView& a, const Shape& x)
      : geometry_(pool_geometry(a, x)), include_pad_(a.attr_int("count_include_pad", 0) != 0) {
    const Window w = read_window(a, x, a.attr_ints("kernel_shape"));
    for (size_t d = 0; d < w.kernel.size(); ++d)
      limit_[d] = x[static_cast<int>(d) + 2] + w.pad_end[d] + w.pad_begin[d];
  }

  const ConvGeometry& geometry() const { return geometry_; }

  /// What the sum of the window at `o`, of which `taps` elements lie in the input, is divided by. With
  /// count_include_pad the padding counts too, but not what ceil_mode lets the window reach beyond it.
  double divisor(int64_t taps, const std::array<int64_t, 3>& o) const {
    if (!include_pad_) return static_cast<double>(std::max<int64_t>(taps, 1));
    double count = 1;
    for (size_t d = 0; d < 3; ++d) {
      const int64_t room = limit_[d] - o[d] * geometry_.stride[d];
      const int64_t fit = (room + geometry_.dilation[d] - 1) / geometry_.dilation[d];
      count *= static_cast<double>(std::min(geometry_.kernel[d], fit));
    }
    return count;
  }

 private:
  ConvGeometry geometry_;
  bool include_pad_;
  std::array<int64_t, 3> limit_{1, 1, 1};  ///< padded sizes
};

}  // namespace dunlin::ops
