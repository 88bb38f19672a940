#include "kernels/contraction/attention.h"

#include <algorithm>
#include <limits>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/tiles.h"
#include "kernels/softmax/softmax_simd.h"

namespace dunlin {

namespace {

constexpr int64_t kCachedScores = 1 << 16;
constexpr float kHidden = -std::numeric_limits<float>::infinity();

/// Queries whose scores are in the cache together: depends on the shape alone.
int64_t block_rows(const AttentionShape& s) {
  return std::min(s.queries, std::clamp<int64_t>(kCachedScores / s.keys, 16, 256));
}

/// Each part of scratch begins on a cache line.
size_t aligned(size_t floats) { return (floats + 15) / 16 * 16; }

struct Scratch {
  size_t keys, values, scores;
  Scratch(Isa isa, const AttentionShape& s)
      : keys(aligned(packed_b_floats(isa, s.head, s.keys))),
        values(aligned(packed_b_floats(isa, s.keys, s.value_head))),
        scores(aligned(static_cast<size_t>(block_rows(s) * s.keys))) {}
  size_t floats() const { return keys + values + scores; }
};

void pack(const ContractionTable& table, int64_t k, int64_t n, const float* b, ptrdiff_t row_stride,
          ptrdiff_t column_stride, float* packed) {
  contraction::pack_panels(table.width, 0, contraction::ceil_div(n, table.width), k, 0, k, n, b, row_stride,
                           column_stride, packed);
}

/// Scores of queries [first, first + count) become shares.
void share(const SoftmaxTable& softmax, const AttentionShape& s, int64_t first, int64_t count,
           float* scores) {
  const size_t keys = static_cast<size_t>(s.keys);
  if (s.causal)
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = first + i + 1; j < s.keys; ++j) scores[i * s.keys + j] = kHidden;
  const auto hidden = [&](const float* row) {
    return s.zero_where_hidden && std::all_of(row, row + keys, [](float x) { return x == kHidden; });
  };
  for (int64_t i = 0; i < count;) {
    int64_t end = i;
    while (end < count && !hidden(scores + end * s.keys)) ++end;
    if (end > i)
      softmax.forward(static_cast<size_t>(end - i), keys, scores + i * s.keys, scores + i * s.keys);
    for (i = end; i < count && hidden(scores + i * s.keys); ++i) std::fill_n(scores + i * s.keys, keys, 0.f);
  }
}

}  // namespace

size_t attention_scratch_floats(Isa isa, const AttentionShape& shape, int num_threads) {
  return Scratch(isa, shape).floats() * static_cast<size_t>(num_threads);
}

void attention(Isa isa, ThreadPool& pool, const AttentionShape& s, std::span<const AttentionHead> heads,
               const float* q, const float* k, const float* v, const float* mask, float* y, float* scratch) {
  const ContractionTable& table = contraction_table_of(isa);
  const SoftmaxTable& softmax = softmax_table_of(isa);
  const Scratch sizes(isa, s);
  const int64_t rows = block_rows(s), blocks = contraction::ceil_div(s.queries, rows);
  // Packing is paid once for each part of a head: parts only where heads are few.
  const int64_t count = static_cast<int64_t>(heads.size());
  const int64_t parts = std::min(blocks, contraction::ceil_div(pool.size(), count));
  const contraction::Split split(blocks, parts);
  pool.parallel_for(static_cast<size_t>(count * parts), [&](size_t index, int slot) {
    const AttentionHead& h = heads[index / static_cast<size_t>(parts)];
    const int64_t part = static_cast<int64_t>(index) % parts;
    float* const keys = scratch + static_cast<size_t>(slot) * sizes.floats();
    float* const values = keys + sizes.keys;
    float* const scores = values + sizes.values;
    pack(table, s.head, s.keys, k + h.k, s.k_column, s.k_row, keys);
    pack(table, s.keys, s.value_head, v + h.v, s.v_row, s.v_column, values);
    for (int64_t b = split.begin(part); b < split.begin(part + 1); ++b) {
      const int64_t first = b * rows, here = std::min(rows, s.queries - first);
      Epilogue masked;
      if (mask) masked.residual = mask + h.mask + first * s.mask_row;
      masked.residual_stride = s.mask_row;
      contraction::run(nullptr, table,
                       {.m = here, .n = s.keys, .k = s.head, .lda = s.q_row, .ldc = s.keys, .alpha = s.scale},
                       q + h.q + first * s.q_row, keys, scores, masked);
      share(softmax, s, first, here, scores);
      contraction::run(nullptr, table,
                       {.m = here, .n = s.value_head, .k = s.keys, .lda = s.keys, .ldc = s.y_row}, scores,
                       values, y + h.y + first * s.y_row, {});
    }
  });
}

}  // namespace dunlin
