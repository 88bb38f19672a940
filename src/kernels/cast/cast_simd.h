#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/dispatch.h"

namespace dunlin {

struct CastTable {
  void (*float_to_half)(const float* x, uint16_t* y, size_t n);
  void (*half_to_float)(const uint16_t* x, float* y, size_t n);
  void (*float_to_bfloat16)(const float* x, uint16_t* y, size_t n);
  void (*bfloat16_to_float)(const uint16_t* x, float* y, size_t n);
};
DUNLIN_SIMD_TABLE(CastTable, cast_table)

}  // namespace dunlin
