#include "kernels/random/dropout.h"

#include <cmath>

#include "kernels/random/dropout_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {
float scale_of(float ratio) { return static_cast<float>(1 / (1 - static_cast<double>(ratio))); }
}  // namespace

void dropout_forward(ThreadPool& pool, Isa isa, uint64_t seed, uint64_t stream, float ratio, size_t n,
                     const float* x, float* y, bool* mask) {
  const auto& table = dropout_table_of(isa);
  // uniform() is the upper 24 bits of a word over 2^24: the comparison in whole numbers is the same.
  const auto threshold = static_cast<uint32_t>(std::ceil(static_cast<double>(ratio) * 0x1p24));
  split_elements(pool, n, [&](size_t i, size_t end) {
    table.forward(seed, stream, i, threshold, scale_of(ratio), end - i, x + i, y + i,
                  mask ? mask + i : nullptr);
  });
}

void dropout_backward(ThreadPool& pool, Isa isa, float ratio, size_t n, const float* dy, const bool* mask,
                      float* dx) {
  const auto& table = dropout_table_of(isa);
  split_elements(pool, n, [&](size_t i, size_t end) {
    table.backward(scale_of(ratio), end - i, dy + i, mask + i, dx + i);
  });
}

}  // namespace dunlin
