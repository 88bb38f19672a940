// Batch normalisation, channels last: x [rows, c], where rows = n * h * w.
//   pre = (x - mean) * inv_std * scale + bias,  y = activation(pre)
// The activation is fused both ways: the backward pass computes `pre` again from x instead of reading y.
// Results do not depend on the number of threads; y may be x, dx may be dy.
#pragma once

#include <cstddef>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"

namespace dunlin {

/// Per-channel parameters of the training passes; arrays of c floats.
struct BatchNormParameters {
  const float* scale;
  const float* bias;
  float epsilon = 1e-5f;
  Activation activation;
};

/// Floats of scratch that the training passes take.
size_t batch_norm_scratch(size_t rows, size_t c);

/// Writes the batch's mean, biased variance (sum of squared deviations / rows) and 1 / sqrt(variance +
/// epsilon). Running statistics are the caller's; PyTorch keeps there the unbiased variance * rows / (rows -
/// 1).
void batch_norm_training_forward(ThreadPool& pool, Isa isa, size_t rows, size_t c,
                                 const BatchNormParameters& p, const float* x, float* scratch, float* mean,
                                 float* variance, float* inv_std, float* y);

void batch_norm_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const BatchNormParameters& p,
                         const float* dy, const float* x, const float* mean, const float* inv_std,
                         float* scratch, float* dx, float* dscale, float* dbias);

/// The backward pass of the inference form, where mean and variance are stored ones: dx = dy * scale *
/// inv_std.
void batch_norm_frozen_backward(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* scale,
                                const float* mean, const float* variance, float epsilon, const float* dy,
                                const float* x, float* scratch, float* dx, float* dscale, float* dbias);

/// The inference form as a channel-wise line: factor = scale / sqrt(variance + epsilon), offset = bias - mean
/// * factor.
void batch_norm_fold(size_t c, const float* scale, const float* bias, const float* mean,
                     const float* variance, float epsilon, float* factor, float* offset);

/// y = activation(x * factor[c] + offset[c])
void scale_shift(ThreadPool& pool, Isa isa, size_t rows, size_t c, const float* factor, const float* offset,
                 const Activation& activation, const float* x, float* y);

}  // namespace dunlin
