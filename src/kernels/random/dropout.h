// Dropout by a counter-based generator: element i is kept when the i-th number of the stream is at least
// `ratio` (base/random.h: Philox(seed, stream).uniform()), whatever the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

/// y[i] = kept ? x[i] / (1 - ratio) : 0; mask[i] = kept, unless mask is null. y may be x. 0 <= ratio < 1.
void dropout_forward(ThreadPool& pool, Isa isa, uint64_t seed, uint64_t stream, float ratio, size_t n,
                     const float* x, float* y, bool* mask);

/// dx[i] = mask[i] ? dy[i] / (1 - ratio) : 0. dx may be dy.
void dropout_backward(ThreadPool& pool, Isa isa, float ratio, size_t n, const float* dy, const bool* mask,
                      float* dx);

}  // namespace dunlin
