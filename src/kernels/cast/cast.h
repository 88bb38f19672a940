// Conversions between float and the two 16-bit floats, dense. Narrowing rounds to nearest, ties to even; too
// large becomes infinity, NaN stays NaN (quiet), subnormals are kept. The same bits on every ISA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

void float_to_half(ThreadPool& pool, Isa isa, const float* x, uint16_t* y, size_t n);
void half_to_float(ThreadPool& pool, Isa isa, const uint16_t* x, float* y, size_t n);
void float_to_bfloat16(ThreadPool& pool, Isa isa, const float* x, uint16_t* y, size_t n);
void bfloat16_to_float(ThreadPool& pool, Isa isa, const uint16_t* x, float* y, size_t n);

}  // namespace dunlin
