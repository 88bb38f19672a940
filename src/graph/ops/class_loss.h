// The two losses over class labels: scores x[N, C, d...], labels[N, d...] -> loss.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// Labels and their weights, with the rules of ignore_index and reduction applied.
struct ClassTargets {
  int64_t classes = 0, inner = 1;  ///< element (n, c, d) is at (n * classes + c) * inner + d
  std::vector<int64_t> label;      ///< -1 where ignored
  std::vector<double> weight;      ///< 0 where ignored
  double denominator = 1;          ///< of reduction "mean": the sum of weights

  size_t position(size_t sample) const {
    const size_t in = static_cast<size_t>(inner);
    return sample / in * static_cast<size_t>(classes) * in + sample % in;
  }
};

/// Checks and reads the labels (input `labels`) and weights (input `weights`, optional). Throws when a label
/// is neither a class nor ignore_index.
ClassTargets class_targets(const OpCall& c, const Shape& scores, int labels, int weights);

/// Loss type; throws when scores and labels do not fit.
Type class_loss_type(const InferArgs& a);

/// Stores per-sample losses reduced as the attribute says into output 0.
void store_loss(const OpCall& c, const ClassTargets& targets, std::vector<double> losses);

/// d loss / d (weighted negative log likelihood of each sample), from the gradient of the reduced loss.
std::vector<double> loss_gradients(const OpCall& c, const ClassTargets& targets, int dloss);

}  // namespace dunlin::ops
