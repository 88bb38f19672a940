/// C[M,N] = activation(alpha * A[M,K] * B[K,N] + beta * residual + bias), fp32: the matrix form of the one
/// kernel family behind Gemm, MatMul, convolution (conv.h), their backward forms and attention.
///
/// Layout   row-major. A and C have row strides (lda, ldc), counted in floats. B is packed once, by pack_b, for
///          one instruction-set level: panels of a few columns that every tile size can read.
/// Aliasing the residual may be C itself (that is how to add to C); nothing else may overlap C.
/// Threads  work is split over the pool. The order of every sum depends on shape and level only, so results are
///          bit-identical for any number of threads. Several threads may use the same packed B.
/// Errors   none: shapes are the caller's to check. Zero sizes are allowed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"

namespace dunlin {

/// Floats that pack_b writes for a B of [k, n].
size_t packed_b_floats(Isa isa, int64_t k, int64_t n);

/// Packs B, whose element (i, j) is b[i * row_stride + j * column_stride]: strides (ldb, 1) for a B of [K,N],
/// (1, ldb) for one of [N,K].
void pack_b(Isa isa, ThreadPool& pool, int64_t k, int64_t n, const float* b, ptrdiff_t row_stride,
            ptrdiff_t column_stride, float* packed);

struct GemmShape {
  int64_t m = 0, n = 0, k = 0;
  ptrdiff_t lda = 0, ldc = 0;  ///< floats from one row to the next
  bool a_transposed = false;   ///< A lies as [K,M], rows `lda` apart
  float alpha = 1;
  float beta = 1;  ///< of the residual
};

/// `packed_b` comes from pack_b(isa, k, n, ...). With residual_stride 0 one residual row serves all rows.
void gemm(Isa isa, ThreadPool& pool, const GemmShape& shape, const float* a, const float* packed_b, float* c,
          const Epilogue& epilogue = {});

/// Products of `batch` matrix pairs where B is an activation and is packed on the way.
struct BatchedGemmShape {
  GemmShape gemm;
  int64_t batch = 1;
  ptrdiff_t a_stride = 0, b_stride = 0,
            c_stride = 0;                           ///< floats from one matrix to the next; 0 shares A or B
  ptrdiff_t b_row_stride = 0, b_column_stride = 1;  ///< B(i, j) = b[i * b_row_stride + j * b_column_stride]
};

/// Floats of scratch that batched_gemm needs on a pool of `num_threads`.
size_t batched_gemm_scratch_floats(Isa isa, const BatchedGemmShape& shape, int num_threads);

/// The epilogue's residual lies like C (residual_stride apart within a matrix, c_stride between matrices).
void batched_gemm(Isa isa, ThreadPool& pool, const BatchedGemmShape& shape, const float* a, const float* b,
                  float* c, const Epilogue& epilogue, float* scratch);

}  // namespace dunlin
