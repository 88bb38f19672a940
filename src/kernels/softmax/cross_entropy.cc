#include "kernels/softmax/cross_entropy.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/pointwise/accumulate_simd.h"
#include "kernels/pointwise/unary_simd.h"
#include "kernels/simd/split.h"
#include "kernels/softmax/softmax.h"

namespace dunlin {

namespace {
bool counts(const CrossEntropy& ce, size_t row) {
  return !ce.ignore_index || ce.labels[row] != *ce.ignore_index;
}
float weight_of(const CrossEntropy& ce, size_t row) { return ce.weights ? ce.weights[ce.labels[row]] : 1.f; }
}  // namespace

void check_labels(const CrossEntropy& ce) {
  for (size_t r = 0; r < ce.rows; ++r) {
    if (counts(ce, r) && (ce.labels[r] < 0 || ce.labels[r] >= static_cast<int64_t>(ce.classes))) {
      fail(ErrorCode::kInvalidArgument, "cross entropy: label {} in row {} is outside [0, {})", ce.labels[r],
           r, ce.classes);
    }
  }
}

void cross_entropy_forward(ThreadPool& pool, Isa isa, const CrossEntropy& ce, const float* logits,
                           float* log_probabilities, float* losses) {
  log_softmax_forward(pool, isa, ce.rows, ce.classes, logits, log_probabilities);
  for (size_t r = 0; r < ce.rows; ++r) {
    if (!counts(ce, r)) {
      losses[r] = 0;
    } else {
      losses[r] = -weight_of(ce, r) * log_probabilities[r * ce.classes + static_cast<size_t>(ce.labels[r])];
    }
  }
}

double cross_entropy_weight(const CrossEntropy& ce) {
  double sum = 0;
  for (size_t r = 0; r < ce.rows; ++r) {
    if (counts(ce, r)) sum += weight_of(ce, r);
  }
  return sum;
}

void cross_entropy_backward(ThreadPool& pool, Isa isa, const CrossEntropy& ce, const float* dlosses,
                            float scale, const float* log_probabilities, float* dlogits) {
  const auto& unary = unary_table_of(isa);
  const auto& accumulate = accumulate_table_of(isa);
  split_tasks(pool, ce.rows, ce.classes, [&](size_t r, size_t end) {
    for (; r < end; ++r) {
      float* row = dlogits + r * ce.classes;
      if (!counts(ce, r)) {
        std::fill_n(row, ce.classes, 0.f);
        continue;
      }
      const float g = scale * (dlosses ? dlosses[r] : 1.f) * weight_of(ce, r);
      unary.unary(UnaryOp::kExp, 0, log_probabilities + r * ce.classes, row, ce.classes);
      row[ce.labels[r]] -= 1;
      accumulate.axpby(g, row, 0, row, ce.classes);
    }
  });
}

}  // namespace dunlin
