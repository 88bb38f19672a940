// ArgMax and ArgMin.
#pragma once

#include <cmath>

#include "graph/ops/movement.h"

namespace dunlin::ops {

inline std::vector<Type> infer_arg_extreme(const InferArgs& a) {
  Shape s = a.shape(0);
  const int axis = a.normalize_axis(a.attr_int("axis", 0), s.rank());
  Shape out;
  for (int d = 0; d < s.rank(); ++d)
    if (d != axis || a.attr_int("keepdims", 1)) out.push_back(d == axis ? 1 : s[d]);
  return {{.format = &formats::kI64, .shape = out}};
}

/// better(x, best): whether x replaces what is best so far.
template <typename Better>
void arg_extreme(const OpCall& c, Better better) {
  const Shape& s = c.input(0).shape();
  const int axis = c.normalize_axis(c.attr_int("axis", 0), s.rank());
  const bool last = c.attr_int("select_last_index", 0) != 0;
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < axis; ++d) outer *= s[d];
  for (int d = axis + 1; d < s.rank(); ++d) inner *= s[d];
  if (s[axis] == 0 && outer * inner > 0) c.error("axis {} of {} is empty", axis, to_string(s));
  for_format(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(0);
    const auto y = c.out<int64_t>(0);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < inner; ++k) {
        int64_t best = 0;
        ComputeType<T> value = static_cast<ComputeType<T>>(x[static_cast<size_t>(o * s[axis] * inner + k)]);
        for (int64_t i = 1; i < s[axis]; ++i) {
          const auto v = static_cast<ComputeType<T>>(x[static_cast<size_t>((o * s[axis] + i) * inner + k)]);
          if (better(v, value) || (last && v == value)) value = v, best = i;
        }
        y[static_cast<size_t>(o * inner + k)] = best;
      }
  });
}

}  // namespace dunlin::ops
