// Functions of one value: activations, mathematical functions, and their gradients. Dense and elementwise; an
// output may be the same memory as an input (not a shifted part of it). Errors against the exact value are at
// most 4 units in the last place or 1e-6 of it, whichever is larger; NaN stays NaN.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/half.h"
#include "kernels/epilogue.h"

namespace dunlin {

/// y[i] = act(x[i]). bf16 is computed with in float.
void activation(ThreadPool& pool, Isa isa, const Activation& act, const float* x, float* y, size_t n);
void activation(ThreadPool& pool, Isa isa, const Activation& act, const BFloat16* x, BFloat16* y, size_t n);

/// dx[i] = dy[i] * act'(x[i]), from the activation's input.
void activation_grad(ThreadPool& pool, Isa isa, const Activation& act, const float* dy, const float* x,
                     float* dx, size_t n);

/// The same from the activation's output y, for kNone, kClip, kLeakyRelu (slope > 0), kHardSigmoid, kSigmoid
/// and kTanh.
void activation_grad_from_output(ThreadPool& pool, Isa isa, const Activation& act, const float* dy,
                                 const float* y, float* dx, size_t n);

enum class UnaryOp : uint8_t {
  kAbs,
  kNeg,
  kSquare,
  kSqrt,
  kReciprocal,
  kExp,
  kLog,
  kErf,
  kSoftplus,
  kElu,  ///< x < 0 ? a * (exp(x) - 1) : x
  kFloor,
  kCeil,
  kRound,  ///< half to even
  kSign,   ///< -1, 0 or 1
};

/// y[i] = op(x[i]); `a` is the parameter of the ops that have one.
void unary(ThreadPool& pool, Isa isa, UnaryOp op, const float* x, float* y, size_t n, float a = 0);
void unary(ThreadPool& pool, Isa isa, UnaryOp op, const BFloat16* x, BFloat16* y, size_t n, float a = 0);

/// dx[i] = dy[i] * op'(x[i]); 0 for kFloor, kCeil, kRound, kSign.
void unary_grad(ThreadPool& pool, Isa isa, UnaryOp op, const float* dy, const float* x, float* dx, size_t n,
                float a = 0);

}  // namespace dunlin
