// Quantisation that stays in floating point, shared by FakeQuantize and its gradient.
#pragma once

#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/quantize.h"

namespace dunlin::ops {

/// The integer type that attribute `to` (an ONNX element type) names.
inline Format quantized_to(const NodeView& a) {
  const Format f = find_format_by_onnx_type(static_cast<int>(a.attr_int("to", 0)));
  if (f == nullptr) a.error("attribute to is {}, an integer type is expected", a.attr_int("to", 0));
  check_quantized(a, "attribute to", f, true);
  return f;
}

/// Calls f(element, scale's index, nearest(x / scale) + zero point, whether that is within the integers).
template <typename F>
void for_each_quantized(const OpCall& c, const ScaledValues& v, F f) {
  // Divided as QuantizeLinear does: a tie in float may be none in double.
  const bool as_float = c.input(0).format() != &formats::kF64;
  for_quantized_format(quantized_to(c), [&]<typename T>() {
    using Limits = std::numeric_limits<T>;
    for (size_t i = 0; i < v.x.size(); ++i) {
      const size_t s = v.index.at(i);
      const double ratio =
          as_float ? static_cast<float>(v.x[i]) / static_cast<float>(v.scales[s]) : v.x[i] / v.scales[s];
      const double q = std::nearbyint(ratio) + v.zero(s);
      f(i, s, static_cast<double>(saturate<T>(q)),
        q >= static_cast<double>(Limits::min()) && q <= static_cast<double>(Limits::max()));
    }
  });
}

}  // namespace dunlin::ops
