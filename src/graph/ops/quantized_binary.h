// What QuantizedAdd and QuantizedMul share: a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point
// (which gives the type) {min, max: what y is kept within}; a and b broadcast.
#pragma once

#include "graph/ops/elementwise.h"
#include "graph/ops/quantize.h"

namespace dunlin::ops {

inline std::vector<Type> infer_quantized_binary(const InferArgs& a) {
  check_quantized(a, "a", a.format(0));
  check_quantized(a, "b", a.format(3));
  check_quantized(a, "the zero point of y", a.format(7));
  return {{.format = a.format(7), .shape = broadcast_shapes(a, a.shape(0), a.shape(3))}};
}

/// nearest(value) + the zero point of input `zero`, kept within the format and attributes min and max, in output 0.
template <typename Value>
void store_quantized(const OpCall& c, int zero, size_t n, const Value& value) {
  const double y_zero = one_number(c, "the zero point of y", c.input(zero));
  for_quantized_format(c.output(0).format(), [&]<typename T>() {
    using Limits = std::numeric_limits<T>;
    const auto lo = static_cast<double>(c.attr_int("min", Limits::min())),
               hi = static_cast<double>(c.attr_int("max", Limits::max()));
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < n; ++i) {
      const double q = std::nearbyint(static_cast<double>(value(i))) + y_zero;
      y[i] = saturate<T>(std::min(std::max(q, lo), hi));
    }
  });
}

/// y of value(a - its zero point, b - its zero point), which is a float.
template <typename Value>
void quantized_binary(const OpCall& c, const Value& value) {
  const auto operand = [&](int i) {
    const Tensor* zero = optional_input(c, i + 2);
    if (zero) one_number(c, "a zero point", *zero);
    return centred(c, i, zero, {});
  };
  const std::vector<int32_t> a = operand(0), b = operand(3);
  const Shape& y = c.output(0).shape();
  const auto strides = [&](int i) {
    const Shape& s = c.input(i).shape();
    return broadcast_strides(Tensor::over(&formats::kF32, s, row_major_strides(s), nullptr), y);
  };
  std::vector<float> values(static_cast<size_t>(y.num_elements()));
  for_each_strided(
      y,
      [&](size_t k, int64_t i, int64_t j) {
        values[k] = value(a[static_cast<size_t>(i)], b[static_cast<size_t>(j)]);
      },
      strides(0), strides(3));
  store_quantized(c, 7, values.size(), [&](size_t i) { return values[i]; });
}

}  // namespace dunlin::ops
