#include "kernels/contraction/contraction.h"
#include "kernels/contraction/tiles.h"

namespace dunlin {

void contraction::run(ThreadPool* pool, const ContractionTable& table, const GemmShape& s, const float* a,
                      const float* packed_b, float* c, const Epilogue& e) {
  const auto rows = [&](const contraction::RowBlock& block, const float** pointers) {
    if (s.a_transposed) {
      for (int64_t i = 0; i < block.num_k; ++i) pointers[i] = a + (block.k + i) * s.lda;
    } else {
      for (int i = 0; i < block.count; ++i) pointers[i] = a + (block.row + i) * s.lda + block.k;
    }
  };
  const auto outputs = [&](int64_t row, int count, float** out, const float** residual) {
    for (int i = 0; i < count; ++i) {
      out[i] = c + (row + i) * s.ldc;
      if (e.residual) residual[i] = e.residual + (row + i) * e.residual_stride;
    }
  };
  contraction::run(
      pool, {.table = &table,
             .m = s.m,
             .n = s.n,
             .taps = 1,
             .k = s.k,
             .a_transposed = s.a_transposed,
             .row_stride = s.lda,
             .packed_b = packed_b,
             .rows = rows,
             .outputs = outputs,
             .has_residual = e.residual != nullptr,
             .finish = {.alpha = s.alpha, .beta = s.beta, .bias = e.bias, .activation = e.activation}});
}

void gemm(Isa isa, ThreadPool& pool, const GemmShape& shape, const float* a, const float* packed_b, float* c,
          const Epilogue& epilogue) {
  contraction::run(&pool, contraction_table_of(isa), shape, a, packed_b, c, epilogue);
}

size_t batched_gemm_scratch_floats(Isa isa, const BatchedGemmShape& s, int num_threads) {
  return packed_b_floats(isa, s.gemm.k, s.gemm.n) * static_cast<size_t>(num_threads);
}

void batched_gemm(Isa isa, ThreadPool& pool, const BatchedGemmShape& s, const float* a, const float* b,
                  float* c, const Epilogue& epilogue, float* scratch) {
  const ContractionTable& table = contraction_table_of(isa);
  const auto residual_of = [&](int64_t i) {
    Epilogue e = epilogue;
    if (e.residual) e.residual += i * s.c_stride;
    return e;
  };
  if (s.batch < pool.size() || s.b_stride == 0) {  // one matrix at a time, every thread at work on it
    for (int64_t i = 0; i < s.batch; ++i) {
      if (i == 0 || s.b_stride != 0) {
        pack_b(isa, pool, s.gemm.k, s.gemm.n, b + i * s.b_stride, s.b_row_stride, s.b_column_stride, scratch);
      }
      contraction::run(&pool, table, s.gemm, a + i * s.a_stride, scratch, c + i * s.c_stride, residual_of(i));
    }
    return;
  }
  const size_t packed_floats = packed_b_floats(isa, s.gemm.k, s.gemm.n);
  pool.parallel_for(static_cast<size_t>(s.batch), [&](size_t index, int slot) {
    const int64_t i = static_cast<int64_t>(index);
    float* packed = scratch + static_cast<size_t>(slot) * packed_floats;
    contraction::pack_panels(table.width, 0, contraction::ceil_div(s.gemm.n, table.width), s.gemm.k, 0,
                             s.gemm.k, s.gemm.n, b + i * s.b_stride, s.b_row_stride, s.b_column_stride,
                             packed);
    contraction::run(nullptr, table, s.gemm, a + i * s.a_stride, packed, c + i * s.c_stride, residual_of(i));
  });
}

}  // namespace dunlin
