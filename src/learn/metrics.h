// What an evaluation counts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dunlin/tensor.h"

namespace dunlin {

/// Counts[truth * classes + predicted].
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t classes = 0)
      : classes_(classes), counts_(static_cast<size_t>(classes * classes)) {}
  void add(int64_t truth, int64_t predicted) { ++counts_[static_cast<size_t>(truth * classes_ + predicted)]; }
  int64_t classes() const { return classes_; }
  int64_t at(int64_t truth, int64_t predicted) const {
    return counts_[static_cast<size_t>(truth * classes_ + predicted)];
  }
  /// Of the samples that are `c`, the part recognised as such; NaN when there are none.
  double recall(int64_t c) const;
  /// Of the samples recognised as `c`, the part that is; NaN when there are none.
  double precision(int64_t c) const;

 private:
  int64_t classes_;
  std::vector<int64_t> counts_;
};

struct Metrics {
  int64_t samples = 0;
  double loss_sum = 0;  ///< of per-sample losses
  int64_t correct = 0;  ///< the largest output is the label (one output: its sign, as a logit)
  int64_t correct_top5 = 0;
  bool has_classes = false;  ///< whether the three below mean anything
  ConfusionMatrix confusion;

  double loss() const { return samples ? loss_sum / static_cast<double>(samples) : 0; }
  double accuracy() const {
    return samples ? static_cast<double>(correct) / static_cast<double>(samples) : 0;
  }
  double top5() const {
    return samples ? static_cast<double>(correct_top5) / static_cast<double>(samples) : 0;
  }

  /// Adds a batch. `outputs`: f32 [N,K] or [N]; `targets`: i64 [N]; of others no classes are counted, the loss
  /// only. Equal outputs rank by number, the lower first; NaN ranks last. `mean_loss` is the batch's mean.
  /// Throws kInvalidArgument when the sizes disagree.
  void add(const Tensor& outputs, const Tensor& targets, double mean_loss);
};

}  // namespace dunlin
