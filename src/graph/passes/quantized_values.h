// Values of 8 bits with constant scale and zero point, as QDQ graphs spell them.
#pragma once

#include <optional>

#include "graph/passes/rewrite.h"

namespace dunlin {

/// What DequantizeLinear reads or QuantizeLinear gives: bytes, and one scale and zero point for all of them.
struct QuantizedValue {
  ValueId bytes, scale, zero_point;  ///< zero_point may be kNoValue
  double scale_number, zero_number;
};

/// Of the DequantizeLinear that makes `v`, a value of f32. none: there is none, or it is of another kind.
std::optional<QuantizedValue> dequantized(const Rewrite& r, ValueId v);
/// Of a QuantizeLinear of f32.
std::optional<QuantizedValue> quantized_by(const Rewrite& r, const Node& quantize);

/// Constants of 8 bits with a scale for all of them or for each index of `axis`.
struct QuantizedWeights {
  ValueId bytes, scale, zero_point;
  const Tensor* tensor;
  std::vector<double> scales;  ///< one, or one for each index
};
std::optional<QuantizedWeights> dequantized_weights(const Rewrite& r, ValueId v, int axis);

/// The elements of a constant, also of one that a DequantizeLinear makes floats of; empty when `v` is none.
std::vector<double> constant_numbers(const Rewrite& r, ValueId v);

}  // namespace dunlin
