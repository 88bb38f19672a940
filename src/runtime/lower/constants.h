// What quantised ops ask of constant inputs.
#pragma once

#include <algorithm>

#include "kernels/int8_output.h"
#include "runtime/lower/lowering.h"

namespace dunlin::lower {

inline bool is_byte(Format f) { return f == &formats::kI8 || f == &formats::kU8; }

/// The numbers of a constant input; `otherwise` when it is left out, none when it is not constant.
inline std::optional<std::vector<double>> constant_numbers(const LowerContext& c, int input,
                                                           double otherwise) {
  if (input < 0 || !c.has_input(input)) return std::vector{otherwise};
  const TensorPtr t = c.constant(input);
  if (!t) return std::nullopt;
  const Tensor dense = t->is_row_major() ? t->view() : t->clone();
  std::vector<double> out(elements(t->shape()));
  for_format(t->format(), [&]<typename T>() {
    if constexpr (std::is_arithmetic_v<T>)
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(dense.data<T>()[i]);
  });
  return out;
}
inline std::optional<double> constant_number(const LowerContext& c, int input, double otherwise) {
  const auto all = constant_numbers(c, input, otherwise);
  if (!all || all->empty()) return std::nullopt;
  for (double v : *all)
    if (v != all->front()) return std::nullopt;
  return all->front();
}

/// Bytes as output 0 holds them, with the zero point of input `zero`, kept within attributes min and max.
inline std::optional<Int8Output> byte_output(const LowerContext& c, int zero) {
  const auto zero_point = constant_number(c, zero, 0);
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
