// One step of an optimizer over a span of parameters, in place. Formulas are PyTorch's; moments start at
// zero. Elementwise: results do not depend on the number of threads. Arrays must not overlap.
#pragma once

#include <cstddef>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

struct SgdParameters {
  float learning_rate = 0.01f;
  float momentum = 0;
  float dampening = 0;  ///< PyTorch uses 0 in the first step whatever is set: so must the caller
  float weight_decay = 0;
  bool nesterov = false;
  float gradient_scale = 1;  ///< multiplies the gradient first: clipping, or a sum turned into a mean
};

/// g = gradient + weight_decay * w;  v = momentum * v + (1 - dampening) * g;  w -= learning_rate * v, or with
/// nesterov learning_rate * (g + momentum * v). `velocity` may be null when momentum is 0.
void sgd_step(ThreadPool& pool, Isa isa, const SgdParameters& p, const float* gradient, float* velocity,
              float* w, size_t n);

struct AdamParameters {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0;
  bool decoupled = false;  ///< AdamW: w *= 1 - learning_rate * weight_decay, instead of weight_decay * w in g
  float gradient_scale = 1;
};

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
/// w -= learning_rate / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + epsilon). `step` counts from 1.
void adam_step(ThreadPool& pool, Isa isa, const AdamParameters& p, size_t step, const float* gradient,
               float* m, float* v, float* w, size_t n);

}  // namespace dunlin
