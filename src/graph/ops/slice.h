// Slice's window, shared with its gradient.
#pragma once

#include <algorithm>
#include <utility>

#include "graph/ops/movement.h"

namespace dunlin::ops {

struct SliceWindow {
  Shape shape;
  int64_t offset = 0;
  Strides strides;
};

/// starts, ends, axes, steps come from attributes (opset 1) or from inputs first_input, first_input + 1, ...
template <typename Args>
SliceWindow slice_window(const Args& a, const Shape& x, const Strides& strides, int first_input = 1) {
  const auto starts = a.ints("starts", first_input), ends = a.ints("ends", first_input + 1);
  const auto axes = a.ints("axes", first_input + 2), steps = a.ints("steps", first_input + 3);
  if (!starts || !ends || starts->size() != ends->size())
    a.error("starts and ends must be there, of one length");
  if ((axes && axes->size() != starts->size()) || (steps && steps->size() != starts->size()))
    a.error("starts, ends, axes and steps differ in length");
  SliceWindow w{x, 0, strides};
  std::vector<char> seen(static_cast<size_t>(x.rank()), 0);
  for (size_t i = 0; i < starts->size(); ++i) {
    const int axis = a.normalize_axis(axes ? (*axes)[i] : static_cast<int64_t>(i), x.rank());
    // Two windows on one axis would add up to one that leaves the tensor.
    if (std::exchange(seen[static_cast<size_t>(axis)], 1)) a.error("axis {} is given twice", axis);
    const int64_t n = x[axis], most = std::max<int64_t>(n, 1);
    if (steps && (*steps)[i] == 0) a.error("a step of 0");
    // A longer step than the axis takes its first element only, as a step of its length does.
    const int64_t step = steps ? std::clamp((*steps)[i], -most, most) : 1;
    if (n < 0) {
      w.shape[axis] = kUnknownDim;
      continue;
    }
    const auto from_front = [&](int64_t v) { return v < 0 ? v + n : v; };
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    // Ends far outside are clamped before the sign is looked at, since INT64_MIN + n is what exporters write.
    const int64_t start = std::clamp(from_front((*starts)[i]), step > 0 ? int64_t{0} : low, high);
    const int64_t end = std::clamp(from_front((*ends)[i]), low, high + (step < 0));
    const int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    w.shape[axis] = span <= 0 ? 0 : (span + stride - 1) / stride;
    w.offset += std::max<int64_t>(start, 0) * strides[static_cast<size_t>(axis)];
    w.strides[static_cast<size_t>(axis)] *= step;
  }
  return w;
}

}  // namespace dunlin::ops
