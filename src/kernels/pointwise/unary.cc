#include "kernels/pointwise/unary.h"

#include "kernels/pointwise/unary_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

void activation(ThreadPool& pool, Isa isa, const Activation& act, const float* x, float* y, size_t n) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.activation(act, x + i, y + i, end - i); });
}

void activation(ThreadPool& pool, Isa isa, const Activation& act, const BFloat16* x, BFloat16* y, size_t n) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.activation_bf16(act, x + i, y + i, end - i); });
}

void activation_grad(ThreadPool& pool, Isa isa, const Activation& act, const float* dy, const float* x,
                     float* dx, size_t n) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n,
                 [&](size_t i, size_t end) { table.activation_grad(act, dy + i, x + i, dx + i, end - i); });
}

void activation_grad_from_output(ThreadPool& pool, Isa isa, const Activation& act, const float* dy,
                                 const float* y, float* dx, size_t n) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) {
    table.activation_grad_from_output(act, dy + i, y + i, dx + i, end - i);
  });
}

void unary(ThreadPool& pool, Isa isa, UnaryOp op, const float* x, float* y, size_t n, float a) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.unary(op, a, x + i, y + i, end - i); });
}

void unary(ThreadPool& pool, Isa isa, UnaryOp op, const BFloat16* x, BFloat16* y, size_t n, float a) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) { table.unary_bf16(op, a, x + i, y + i, end - i); });
}

void unary_grad(ThreadPool& pool, Isa isa, UnaryOp op, const float* dy, const float* x, float* dx, size_t n,
                float a) {
  const auto& table = unary_table_of(isa);
  split_elements(pool, n,
                 [&](size_t i, size_t end) { table.unary_grad(op, a, dy + i, x + i, dx + i, end - i); });
}

}  // namespace dunlin
