// Softmax and log-softmax along the rows of x [rows, c], and their gradients. y may be x, dx may be dy.
#pragma once

#include <cstddef>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

/// y = exp(x - max) / sum of exp(x - max)
void softmax_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* x, float* y);
/// dx = y * (dy - sum of dy * y)
void softmax_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* dy, const float* y,
                      float* dx);

/// y = x - max - log(sum of exp(x - max))
void log_softmax_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* x, float* y);
/// dx = dy - exp(y) * sum of dy
void log_softmax_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* dy, const float* y,
                          float* dx);

}  // namespace dunlin
