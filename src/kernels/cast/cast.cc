#include "kernels/cast/cast.h"

#include "kernels/cast/cast_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

void float_to_half(ThreadPool& pool, Isa isa, const float* x, uint16_t* y, size_t n) {
  const auto& table = cast_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.float_to_half(x + i, y + i, end - i); });
}

void half_to_float(ThreadPool& pool, Isa isa, const uint16_t* x, float* y, size_t n) {
  const auto& table = cast_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.half_to_float(x + i, y + i, end - i); });
}

void float_to_bfloat16(ThreadPool& pool, Isa isa, const float* x, uint16_t* y, size_t n) {
  const auto& table = cast_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.float_to_bfloat16(x + i, y + i, end - i); });
}

void bfloat16_to_float(ThreadPool& pool, Isa isa, const uint16_t* x, float* y, size_t n) {
  const auto& table = cast_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.bfloat16_to_float(x + i, y + i, end - i); });
}

}  // namespace dunlin
