#pragma once

#include <cstddef>

#include "kernels/pointwise/unary.h"
#include "kernels/simd/dispatch.h"

namespace dunlin {

struct UnaryTable {
  void (*activation)(const Activation& act, const float* x, float* y, size_t n);
  void (*activation_bf16)(const Activation& act, const BFloat16* x, BFloat16* y, size_t n);
  void (*activation_grad)(const Activation& act, const float* dy, const float* x, float* dx, size_t n);
  void (*activation_grad_from_output)(const Activation& act, const float* dy, const float* y, float* dx,
                                      size_t n);
  void (*unary)(UnaryOp op, float a, const float* x, float* y, size_t n);
  void (*unary_bf16)(UnaryOp op, float a, const BFloat16* x, BFloat16* y, size_t n);
  void (*unary_grad)(UnaryOp op, float a, const float* dy, const float* x, float* dx, size_t n);
};
DUNLIN_SIMD_TABLE_BF16(UnaryTable, unary_table)

}  // namespace dunlin
