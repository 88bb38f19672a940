// What quantised ops ask of constant inputs.
#pragma once

#include <algorithm>

#include "kernels/int8_output.h"
#include "runtime/lower/lowering.h"

namespace dunlin::lower {

inline bool is_byte(Format f) { return f == &formats::kI8 || f == &formats::kU8; }

/// The numbers of a constant input of f32, i32 or bytes; `otherwise` when it is left out, none when it is anything else.
inline std::optional<std::vector<double>> constant_numbers(const LowerContext& c, int input,
                                                           double otherwise) {
  if (input < 0 || !c.has_input(input)) return std::vector{otherwise};
  const TensorPtr t = c.constant(input);
  const Format f = c.format(input);
  if (!t || (f != &formats::kF32 && f != &formats::kI32 && !is_byte(f))) return std::nullopt;
  const Tensor dense = t->is_row_major() ? t->view() : t->clone();
  std::vector<double> out(elements(t->shape()));
  const auto copy = [&](const auto* from) { std::copy(from, from + out.size(), out.begin()); };
  if (f == &formats::kF32) copy(dense.data<float>());
  if (f == &formats::kI32) copy(dense.data<int32_t>());
  if (f == &formats::kI8) copy(dense.data<int8_t>());
  if (f == &formats::kU8) copy(dense.data<uint8_t>());
  return out;
}
inline std::optional<double> constant_number(const LowerContext& c, int input, double otherwise) {
  const auto all = constant_numbers(c, input, otherwise);
  if (!all || all->empty()) return std::nullopt;
  for (double v : *all)
    if (v != all->front()) return std::nullopt;
  return all->front();
}

/// A constant zero point of bytes of that format; 0 when it is left out.
inline std::optional<double> constant_zero_point(const LowerContext& c, int input, Format format) {
  if (input >= 0 && c.has_input(input) && c.format(input) != format) return std::nullopt;
  return constant_number(c, input, 0);
}

/// Bytes as output 0 holds them, with the zero point of input `zero`, kept within attributes min and max.
inline std::optional<Int8Output> byte_output(const LowerContext& c, int zero) {
  const auto zero_point = constant_zero_point(c, zero, c.out_format(0));
  if (!is_byte(c.out_format(0)) || !zero_point) return std::nullopt;
  const int64_t lowest = c.out_format(0) == &formats::kI8 ? -128 : 0;
  const int64_t lo = std::clamp(c.attr_int("min", lowest), lowest, lowest + 255),
                hi = std::clamp(c.attr_int("max", lowest + 255), lowest, lowest + 255);
  if (lo > hi) return std::nullopt;
  return Int8Output{.lo = static_cast<float>(static_cast<double>(lo) - *zero_point),
                    .hi = static_cast<float>(static_cast<double>(hi) - *zero_point),
                    .zero_point = static_cast<int32_t>(*zero_point)};
}

}  // namespace dunlin::lower
