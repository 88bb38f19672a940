#include "learn/metrics.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole ? static_cast<double>(part) / static_cast<double>(whole)
               : std::numeric_limits<double>::quiet_NaN();
}

/// Whether a comes before b; NaN comes last.
bool ahead(float a, float b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

}  // namespace

double ConfusionMatrix::recall(int64_t c) const {
  int64_t all = 0;
  for (int64_t p = 0; p < classes_; ++p) all += at(c, p);
  return ratio(at(c, c), all);
}

double ConfusionMatrix::precision(int64_t c) const {
  int64_t all = 0;
  for (int64_t t = 0; t < classes_; ++t) all += at(t, c);
  return ratio(at(c, c), all);
}

void Metrics::add(const Tensor& outputs, const Tensor& targets, double mean_loss) {
  const int64_t n = targets.shape().rank() > 0 ? targets.shape()[0] : 0;
  samples += n;
  loss_sum += mean_loss * static_cast<double>(n);
  if (targets.format() != &formats::kI64 || targets.shape().rank() != 1 || n == 0) return;
  if (outputs.shape().rank() < 1 || outputs.shape()[0] != n || outputs.num_elements() % n != 0)
    fail(ErrorCode::kInvalidArgument, "metrics: outputs {} for {} targets", to_string(outputs.shape()), n);
  const int64_t k = outputs.num_elements() / n, classes = k == 1 ? 2 : k;
  if (!has_classes) confusion = ConfusionMatrix(classes);
  has_classes = true;
  if (confusion.classes() != classes)
    fail(ErrorCode::kInvalidArgument, "metrics: {} outputs after {}", classes, confusion.classes());
  const auto values = outputs.values<float>();
  const auto labels = targets.values<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t label = labels[static_cast<size_t>(i)];
    if (label < 0 || label >= classes)
      fail(ErrorCode::kInvalidArgument, "metrics: label {} of {}", label, classes);
    const auto row = values.subspan(static_cast<size_t>(i * k), static_cast<size_t>(k));
    int64_t best = 0, before = 0;  // outputs ranked before the label's
    if (k == 1) {
      best = row[0] > 0 ? 1 : 0;
      before = best != label;
    } else {
      for (int64_t c = 0; c < k; ++c) {
        const float x = row[static_cast<size_t>(c)], own = row[static_cast<size_t>(label)];
        if (ahead(x, row[static_cast<size_t>(best)])) best = c;
        before += ahead(x, own) || (c < label && !ahead(own, x));
      }
    }
    correct += best == label;
    correct_top5 += before < 5;
    confusion.add(label, best);
  }
}

}  // namespace dunlin
