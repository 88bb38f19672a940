// Reductions of x [outer, reduced, inner] over its middle axis into y [outer, inner]. With inner 1 this
// reduces rows, with outer 1 columns ([rows, c] -> [c]: bias gradients). Sums are blocked: their error grows
// with the square root of the size at worst. The order of additions follows from the dims alone, never from
// the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

enum class ReduceOp : uint8_t {
  kSum,
  kMean,
  kSumSquares,
  kMax,  ///< NaN when any is NaN
  kMin,
};

struct ReduceDims {
  size_t outer = 1, reduced = 1, inner = 1;
};

/// Floats of scratch that reduce() takes.
size_t reduce_scratch(const ReduceDims& dims);

/// `reduced` must be at least 1.
void reduce(ThreadPool& pool, Isa isa, ReduceOp op, const ReduceDims& dims, const float* x, float* scratch,
            float* y);

}  // namespace dunlin
