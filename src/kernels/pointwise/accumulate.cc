#include "kernels/pointwise/accumulate.h"

#include "kernels/pointwise/accumulate_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

void axpby(ThreadPool& pool, Isa isa, float a, const float* x, float b, float* y, size_t n) {
  const auto& table = accumulate_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.axpby(a, x + i, b, y + i, end - i); });
}

void sum(ThreadPool& pool, Isa isa, std::span<const float* const> inputs, float* y, size_t n) {
  const auto& table = accumulate_table_of(isa);
  split_elements(pool, n,
                 [&](size_t i, size_t end) { table.sum(inputs.data(), inputs.size(), i, y + i, end - i); });
}

}  // namespace dunlin
