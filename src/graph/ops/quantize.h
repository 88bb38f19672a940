// What the quantised ops share: saturation, which scale an element has, and integers less their zero point.
#pragma once

#include <algorithm>
#include <cmath>

#include "graph/ops/checks.h"
#include "graph/ops/lanes.h"

namespace dunlin::ops {

/// Nearest, ties to even, kept within T (of 16 bits at most); NaN is 0.
template <typename T>
T saturate(double x) {
  static_assert(sizeof(T) <= 2);
  if (std::isnan(x)) return 0;
  return static_cast<T>(std::clamp(std::nearbyint(x), static_cast<double>(std::numeric_limits<T>::min()),
                                   static_cast<double>(std::numeric_limits<T>::max())));
}

/// Calls f.operator()<T>() for the integers that a quantised output may have; throws kUnsupported for others.
template <typename F>
void for_quantized_format(Format format, F&& f) {
  for_format(format, [&]<typename T>() {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 2)
      f.template operator()<T>();
    else
      fail_format(format);
  });
}

/// Throws kUnsupported unless `format` is null or integers of 8 bits; of 4 and 16, FLOAT8 and FLOAT4 too when `wide`.
void check_quantized(const NodeView& a, std::string_view what, Format format, bool wide = false);

/// How many elements share a scale: all, those with one index of `axis`, or (opset 21) a block of the axis.
struct ScaleIndex {
  Lanes lanes;
  int64_t block = 0;  ///< along the axis; 0: one scale for all
  int64_t blocks = 1;
  bool inner = false;  ///< scales differ along the other axes too

  /// Of element `e` in logical order, the scale's.
  size_t at(size_t e) const {
    if (block == 0) return 0;
    const auto i = static_cast<int64_t>(e);
    const int64_t along = i / lanes.inner % lanes.length / block;
    if (!inner) return static_cast<size_t>(along);
    return static_cast<size_t>((i / (lanes.inner * lanes.length) * blocks + along) * lanes.inner +
                               i % lanes.inner);
  }
};

/// Inputs 0, 1 and 2 of QuantizeLinear and DequantizeLinear, row major. Throws when scale or zero point do not fit x.
struct ScaledValues {
  ScaleIndex index;
  std::vector<double> x, scales, zeros;  ///< zeros may be empty: all 0
  double zero(size_t s) const { return zeros.empty() ? 0 : zeros[s]; }
};
ScaledValues scaled_values(const OpCall& c);
/// The same check with what inference knows of inputs 0, 1 and 2.
void check_scales(const InferArgs& a);

/// The elements of an input less its zero point (null: 0), row major. `aligned` is the zero point's shape as
/// it broadcasts against the input.
std::vector<int32_t> centred(const OpCall& c, int input, const Tensor* zero_point, const Shape& aligned);

/// Zero point or scale of a convolution's w as it broadcasts against it: one, or one an output channel.
Shape aligned_to_channels(const NodeView& a, std::string_view what, const Shape& s, const Shape& w);
/// Zero point or scale of a matrix product's A: one, or one a row; of its B: one, or one a column.
Shape aligned_to_rows(const NodeView& a, std::string_view what, const Shape& s, const Shape& operand);
Shape aligned_to_columns(const NodeView& a, std::string_view what, const Shape& s, const Shape& operand);
}  // namespace dunlin::ops
