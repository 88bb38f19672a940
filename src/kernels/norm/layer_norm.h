// Layer normalisation of the rows of x [rows, c]: y = (x - mean) * inv_std * scale + bias, with the row's own
// mean and 1 / sqrt(biased variance + epsilon). Results do not depend on the number of threads. y may be x,
// dx may be dy.
#pragma once

#include <cstddef>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

/// `scale` and `bias` [c] may be null (1 and 0). `mean` and `inv_std` [rows] may be null where no gradient is
/// wanted.
void layer_norm_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale,
                        const float* bias, float epsilon, const float* x, float* y, float* mean,
                        float* inv_std);

/// y = x / sqrt(mean of x^2 + epsilon) * scale
void rms_norm_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale, float epsilon,
                      const float* x, float* y);

size_t layer_norm_backward_scratch(size_t rows, size_t c);

/// `dscale` and `dbias` may be null together; `scratch` holds layer_norm_backward_scratch(rows, c) floats.
void layer_norm_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale,
                         const float* dy, const float* x, const float* mean, const float* inv_std,
                         float* scratch, float* dx, float* dscale, float* dbias);

}  // namespace dunlin
