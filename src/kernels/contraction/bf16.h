/// The contraction family in bf16: Gemm, MatMul and convolution whose A and B are bf16, whose sums are f32, and whose C
/// and residual are both f32 or both bf16. Bias, residual and activation are computed in f32; one rounding, to nearest
/// even, leads to a C in bf16. As contraction.h and conv.h in everything else.
///
/// Packing  rounds f32 weights to nearest even; subnormals are kept.
/// Results  AVX-512 BF16 adds two products at a time and takes subnormals for zero: other bits than the other levels,
///          which multiply in f32.
/// Limits   A is not transposed, alpha and beta are 1.
#pragma once

#include "dunlin/half.h"
#include "kernels/contraction/contraction.h"
#include "kernels/contraction/conv.h"

namespace dunlin {

/// Elements that the pack_b below writes.
size_t packed_b_bf16(Isa isa, int64_t k, int64_t n);
void pack_b(Isa isa, ThreadPool& pool, int64_t k, int64_t n, const float* b, ptrdiff_t row_stride,
            ptrdiff_t column_stride, BFloat16* packed);

/// C is float or BFloat16.
template <typename C>
void gemm(Isa isa, ThreadPool& pool, const GemmShape& shape, const BFloat16* a, const BFloat16* packed_b,
          C* c, const EpilogueOf<C>& epilogue = {});

size_t conv_packed_bf16(Isa isa, const ConvShape& shape);
void conv_pack(Isa isa, ThreadPool& pool, const ConvShape& shape, const float* w, BFloat16* packed);

template <typename C>
void conv_forward(Isa isa, ThreadPool& pool, const ConvShape& shape, const BFloat16* x,
                  const BFloat16* packed, C* y, const EpilogueOf<C>& epilogue = {});

}  // namespace dunlin
