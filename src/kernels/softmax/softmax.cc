#include "kernels/softmax/softmax.h"

#include "kernels/simd/split.h"
#include "kernels/softmax/softmax_simd.h"

namespace dunlin {

void softmax_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* x, float* y) {
  const auto& table = softmax_table_of(isa);
  split_tasks(pool, rows, c, [&](size_t r, size_t end) { table.forward(end - r, c, x + r * c, y + r * c); });
}

void softmax_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* dy, const float* y,
                      float* dx) {
  const auto& table = softmax_table_of(isa);
  split_tasks(pool, rows, c,
              [&](size_t r, size_t end) { table.backward(end - r, c, dy + r * c, y + r * c, dx + r * c); });
}

void log_softmax_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* x, float* y) {
  const auto& table = softmax_table_of(isa);
  split_tasks(pool, rows, c,
              [&](size_t r, size_t end) { table.log_forward(end - r, c, x + r * c, y + r * c); });
}

void log_softmax_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* dy, const float* y,
                          float* dx) {
  const auto& table = softmax_table_of(isa);
  split_tasks(pool, rows, c, [&](size_t r, size_t end) {
    table.log_backward(end - r, c, dy + r * c, y + r * c, dx + r * c);
  });
}

}  // namespace dunlin
