// Walking a tensor in logical (row-major) order whatever its strides.
#pragma once

#include <cstddef>

#include "dunlin/tensor.h"

namespace dunlin {

/// Calls f(i, offset_0, offset_1, ...) for i = 0, 1, ... over `shape` in row-major order, with each operand's
/// offset in elements. A stride of 0 repeats an operand along that axis (broadcast).
template <typename F, typename... S>
void for_each_strided(const Shape& shape, F&& f, const S&... strides) {
  constexpr size_t kOperands = sizeof...(S);
  const int rank = shape.rank();
  const size_t count = static_cast<size_t>(shape.num_elements());
  if (count == 0) return;
  const Strides* all[] = {&strides...};
  std::vector<int64_t> index(static_cast<size_t>(rank), 0);
  int64_t offset[kOperands] = {};
  const int64_t inner = rank == 0 ? 1 : shape[rank - 1];
  int64_t step[kOperands] = {};
  if (rank > 0)
    for (size_t k = 0; k < kOperands; ++k) step[k] = (*all[k])[static_cast<size_t>(rank - 1)];
  for (size_t i = 0; i < count;) {
    int64_t at[kOperands];
    for (size_t k = 0; k < kOperands; ++k) at[k] = offset[k];
    for (int64_t j = 0; j < inner; ++j, ++i) {
      [&]<size_t... K>(std::index_sequence<K...>) { f(i, at[K]...); }
      (std::make_index_sequence<kOperands>{});
      for (size_t k = 0; k < kOperands; ++k) at[k] += step[k];
    }
    for (int d = rank - 2; d >= 0; --d) {
      const size_t u = static_cast<size_t>(d);
      for (size_t k = 0; k < kOperands; ++k) offset[k] += (*all[k])[u];
      if (++index[u] < shape[d]) break;
      for (size_t k = 0; k < kOperands; ++k) offset[k] -= (*all[k])[u] * shape[d];
      index[u] = 0;
    }
  }
}

/// Copies elements between two plain tensors of one format and shape, whatever their strides.
void copy_strided(const Tensor& from, Tensor& to);

}  // namespace dunlin
