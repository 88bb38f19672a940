/// Scaled dot-product attention, fp32: y = softmax(scale * q k^T + mask) v for every head. The scores of some queries at
/// a time stay in the cache; those of all are never in memory together.
///
/// Layout   one query, one row of the mask and one result lie densely; everything else has strides, counted in floats, so
///          that transposed and shared operands need no copy.
/// Aliasing nothing may overlap y.
/// Threads  heads, and the queries of few heads, are split over the pool; results are bit-identical for any number of
///          threads.
/// Errors   none: shapes are the caller's to check, and no size is zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

struct AttentionShape {
  int64_t queries = 0, keys = 0, head = 0, value_head = 0;  ///< head: numbers in a query and in a key
  ptrdiff_t q_row = 0, y_row = 0;                           ///< from one query to the next
  ptrdiff_t k_row = 0, k_column = 1;                        ///< from one key to the next, and within one
  ptrdiff_t v_row = 0, v_column = 1;
  ptrdiff_t mask_row = 0;  ///< 0: one row for all queries
  float scale = 1;
  bool causal = false;  ///< query i sees keys 0 to i
  /// Where the mask hides all keys the result is 0; otherwise it is no number, as softmax has it.
  bool zero_where_hidden = false;
};

/// Where one head's operands begin, in floats.
struct AttentionHead {
  ptrdiff_t q = 0, k = 0, v = 0, mask = 0, y = 0;
};

size_t attention_scratch_floats(Isa isa, const AttentionShape& shape, int num_threads);

/// `mask` may be null. `scratch` holds attention_scratch_floats().
void attention(Isa isa, ThreadPool& pool, const AttentionShape& shape, std::span<const AttentionHead> heads,
               const float* q, const float* k, const float* v, const float* mask, float* y, float* scratch);

}  // namespace dunlin
