// Pad's index arithmetic, shared with its gradient.
#pragma once

#include "graph/ops/movement.h"

namespace dunlin::ops {

/// Cells before and after each axis; may be negative.
struct Padding {
  std::vector<int64_t> before, after;
};

/// pads and axes from attributes or from inputs first_input and first_input + 2.
template <typename Args>
Padding padding_of(const Args& a, int rank, int first_input) {
  const auto pads = a.ints(a.opset() < 2 ? "paddings" : "pads", first_input);
  if (!pads) a.error("pads are missing");
  std::vector<int64_t> axes;
  if (a.has_input(first_input + 2))
    axes = *a.ints("", first_input + 2);
  else
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  if (pads->size() != 2 * axes.size()) a.error("{} pads for {} axes", pads->size(), axes.size());
  Padding p{std::vector<int64_t>(static_cast<size_t>(rank), 0),
            std::vector<int64_t>(static_cast<size_t>(rank), 0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = static_cast<size_t>(a.normalize_axis(axes[i], rank));
    for (int64_t pad : {(*pads)[i], (*pads)[i + axes.size()]})
      if (pad < -(int64_t{1} << 48) || pad > int64_t{1} << 48)
        a.error("pads holds {}, -2^48 to 2^48 is expected", pad);
    p.before[axis] = (*pads)[i];
    p.after[axis] = (*pads)[i + axes.size()];
  }
  return p;
}

/// Calls f(o, i): element o of the padded tensor (row-major order) comes from element i of x; i is -1 where
/// the constant stands.
template <typename F>
void for_each_padded(const NodeView& a, const Shape& x, const Padding& p, F&& f) {
  const std::string mode = a.attr_string("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    a.error("unknown mode {}", mode);
  Shape y;
  std::vector<std::vector<int64_t>> maps;  // per axis: source index, or -1
  for (int d = 0; d < x.rank(); ++d) {
    const size_t u = static_cast<size_t>(d);
    y.push_back(x[d] + p.before[u] + p.after[u]);
    std::vector<int64_t> map;
    for (int64_t o = 0; o < y[d]; ++o) {
      int64_t i = o - p.before[u];
      if (i < 0 || i >= x[d]) {
        if (mode == "constant" || x[d] == 0)
          i = -1;
        else if (mode == "edge")
          i = i < 0 ? 0 : x[d] - 1;
        else if (mode == "wrap")
          i = (i % x[d] + x[d]) % x[d];
        else {
          const int64_t period = x[d] == 1 ? 1 : 2 * (x[d] - 1);
          i = (i % period + period) % period;
          if (i >= x[d]) i = period - i;
        }
      }
      map.push_back(i);
    }
    maps.push_back(std::move(map));
  }
  const Strides strides = row_major_strides(x);
  const int64_t n = y.num_elements();
  for (int64_t o = 0; o < n; ++o) {
    int64_t i = 0, rest = o;
    for (int d = y.rank() - 1; d >= 0 && i >= 0; --d) {
      const int64_t from = maps[static_cast<size_t>(d)][static_cast<size_t>(rest % y[d])];
      i = from < 0 ? -1 : i + from * strides[static_cast<size_t>(d)];
      rest /= y[d];
    }
    f(static_cast<size_t>(o), i);
  }
}

}  // namespace dunlin::ops
