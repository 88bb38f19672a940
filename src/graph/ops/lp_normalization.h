// LpNormalization and its gradient.
#pragma once

#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/lanes.h"

namespace dunlin::ops {

/// The axis counted from the front, which p is checked with.
inline int lp_axis(const NodeView& a, int rank) {
  if (const int64_t p = a.attr_int("p", 2); p != 1 && p != 2) a.error("p is {}, 1 or 2 is expected", p);
  return a.normalize_axis(a.attr_int("axis", -1), rank);
}
inline Lanes lp_lanes(const OpCall& c, const Shape& x) { return lanes_along(x, lp_axis(c, x.rank())); }

/// The norm of the lane's elements first, first + step, ...
inline double lp_norm(const std::vector<double>& x, const Lanes& l, size_t first, size_t step,
                      bool absolute) {
  double sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(l.length); ++i) {
    const double v = x[first + i * step];
    sum += absolute ? std::fabs(v) : v * v;
  }
  return absolute ? sum : std::sqrt(sum);
}

}  // namespace dunlin::ops
