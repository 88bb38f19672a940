// HannWindow, HammingWindow and BlackmanWindow: a0 - a1 cos(2 pi i / N) + a2 cos(4 pi i / N).
#pragma once

#include <cmath>
#include <numbers>

#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

inline int64_t window_size(const NodeView& a, const Tensor& t) {
  return checked_shape(a, {one_integer(a, "size", t)})[0];
}

inline std::vector<Type> infer_cosine_window(const InferArgs& a) {
  const Format format = format_attribute(a, "output_datatype", &formats::kF32);
  return {{.format = format, .shape = Shape{a.constant(0) ? window_size(a, *a.constant(0)) : kUnknownDim}}};
}

inline void cosine_window(const OpCall& c, double a0, double a1, double a2) {
  if (!c.output(0))
    c.allocate(0, format_attribute(c, "output_datatype", &formats::kF32), {window_size(c, c.input(0))});
  const auto size = static_cast<double>(c.output(0).num_elements());
  const double n = c.attr_int("periodic", 1) != 0 ? size : size - 1;
  for_number_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < y.size(); ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / n;
      // A symmetric window of one element is its middle.
      y[i] = from_double<T>(n == 0 ? 1 : a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle));
    }
  });
}

}  // namespace dunlin::ops
