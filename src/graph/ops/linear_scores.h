// ai.onnx.ml: scores of linear models.
#pragma once

#include "graph/ops/checks.h"
#include "graph/ops/ml.h"

namespace dunlin::ops {

/// score[k] = coefficients[k, :] . x + intercepts[k]
struct LinearModel {
  std::vector<float> coefficients, intercepts;  ///< of no intercepts each is 0
  int64_t scores = 0;
};
/// Throws unless there are as many coefficients as scores times features, and intercepts for all scores or none.
inline void check_linear(const NodeView& a, const LinearModel& m, int64_t features) {
  const auto count = static_cast<int64_t>(m.coefficients.size());
  // By division: the product may not fit.
  if (features >= 0 && (features == 0 ? count != 0 : count % features != 0 || count / features != m.scores))
    a.error("has {} coefficients, {} times {} (the features of X) are expected", count, m.scores, features);
  if (!m.intercepts.empty() && static_cast<int64_t>(m.intercepts.size()) != m.scores)
    a.error("has {} intercepts for {} scores", m.intercepts.size(), m.scores);
}

/// Calls take(row, scores) for each row of input 0; `scores` may be written to.
template <typename F>
void for_each_linear_row(const OpCall& c, const LinearModel& m, const F& take) {
  const Rows rows = rows_of(c, c.input(0).shape());
  check_linear(c, m, rows.features);
  const auto features = static_cast<size_t>(rows.features);
  check_steps(c, static_cast<double>(rows.count) * static_cast<double>(m.coefficients.size()));
  std::vector<double> scores(static_cast<size_t>(m.scores));
  for_ml_number(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(0);
    for (size_t n = 0; n < static_cast<size_t>(rows.count); ++n) {
      for (size_t k = 0; k < scores.size(); ++k) {
        double sum = m.intercepts.empty() ? 0 : m.intercepts[k];
        for (size_t f = 0; f < features; ++f)
          sum += static_cast<double>(x[n * features + f]) * m.coefficients[k * features + f];
        scores[k] = sum;
      }
      take(n, std::span<double>(scores));
    }
  });
}

}  // namespace dunlin::ops
