#pragma once

#include <cstddef>

#include "kernels/optimizer/optimizer.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

struct OptimizerTable {
  void (*sgd)(const SgdParameters& p, const float* gradient, float* velocity, float* w, size_t n);
  /// step_size = learning_rate / (1 - beta1^t), root_correction = 1 / sqrt(1 - beta2^t)
  void (*adam)(const AdamParameters& p, float step_size, float root_correction, const float* gradient,
               float* m, float* v, float* w, size_t n);
};
DUNLIN_SIMD_TABLE(OptimizerTable, optimizer_table)

}  // namespace dunlin
