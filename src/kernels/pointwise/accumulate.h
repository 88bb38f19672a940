// Sums of vectors: y += a * x and friends. Elementwise, so results do not depend on threads.
#pragma once

#include <cstddef>
#include <span>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

/// y[i] = a * x[i] + b * y[i]; with b == 0, y is only written. x may be y.
void axpby(ThreadPool& pool, Isa isa, float a, const float* x, float b, float* y, size_t n);

/// y[i] = the sum of all inputs[k][i], added in their order; at least one input. y may be any of the inputs.
void sum(ThreadPool& pool, Isa isa, std::span<const float* const> inputs, float* y, size_t n);

}  // namespace dunlin
