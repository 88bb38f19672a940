#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "kernels/reduce/reduce_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {

/// Each outer index is reduced in `parts`, each part in blocks of `block` elements.
struct Plan {
  size_t parts, block;
};
Plan plan_of(const ReduceDims& d) {
  const size_t block = std::max<size_t>(256, 2048 / std::max<size_t>(1, d.inner));
  const size_t blocks = (d.reduced + block - 1) / block;
  const size_t enough_work = std::max<size_t>(1, d.reduced * d.inner / (4 * 16384));
  return {std::min({blocks, enough_work, size_t{32}}), block};
}

void run(ThreadPool& pool, Isa isa, Accumulate op, const ReduceDims& d, const float* x, float* scratch,
         float* y) {
  const auto& table = reduce_table_of(isa);
  const auto [parts, block] = plan_of(d);
  if (d.reduced <= block) {
    return split_tasks(pool, d.outer, d.reduced * d.inner, [&, reduced = d.reduced](size_t o, size_t end) {
      const size_t at = o * reduced * d.inner;
      table.block(op, end - o, reduced, d.inner, x + at, y + o * d.inner);
    });
  }
  // Scratch of a task: its part's result, and the block in work.
  const auto part_of = [&, parts = parts](size_t o, size_t p) {
    return scratch + (o * parts + p) * 2 * d.inner;
  };
  split_tasks(pool, d.outer * parts, d.reduced * d.inner / parts,
              [&, parts = parts, block = block](size_t t, size_t end) {
                for (; t < end; ++t) {
                  const size_t o = t / parts, p = t % parts;
                  float* result = part_of(o, p);
                  float* work = result + d.inner;
                  const size_t last = d.reduced * (p + 1) / parts;
                  bool first = true;
                  for (size_t r = d.reduced * p / parts; r < last; r += block, first = false) {
                    const size_t at = (o * d.reduced + r) * d.inner;
                    table.block(op, 1, std::min(block, last - r), d.inner, x + at, first ? result : work);
                    if (!first) table.combine(op, d.inner, work, result);
                  }
                }
              });
  for (size_t o = 0; o < d.outer; ++o) {
    for (size_t gap = 1; gap < parts; gap *= 2) {
      for (size_t p = 0; p + gap < parts; p += 2 * gap)
        table.combine(op, d.inner, part_of(o, p + gap), part_of(o, p));
    }
    std::copy_n(part_of(o, 0), d.inner, y + o * d.inner);
  }
}

}  // namespace

size_t reduce_scratch(const ReduceDims& d) {
  const auto [parts, block] = plan_of(d);
  return d.reduced <= block ? 0 : d.outer * parts * 2 * d.inner;
}

void reduce(ThreadPool& pool, Isa isa, ReduceOp op, const ReduceDims& d, const float* x, float* scratch,
            float* y) {
  switch (op) {
    case ReduceOp::kSum:
      return run(pool, isa, Accumulate::kSum, d, x, scratch, y);
    case ReduceOp::kSumSquares:
      return run(pool, isa, Accumulate::kSumSquares, d, x, scratch, y);
    case ReduceOp::kMax:
      return run(pool, isa, Accumulate::kMax, d, x, scratch, y);
    case ReduceOp::kMin:
      return run(pool, isa, Accumulate::kMin, d, x, scratch, y);
    case ReduceOp::kMean:
      run(pool, isa, Accumulate::kSum, d, x, scratch, y);
      for (size_t i = 0; i < d.outer * d.inner; ++i) y[i] /= static_cast<float>(d.reduced);
  }
}

}  // namespace dunlin
