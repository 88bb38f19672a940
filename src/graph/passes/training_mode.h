// Switches a graph from inference to training form.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

struct TrainingModeOptions {
  bool batch_norm = true;  ///< false: statistics stay frozen, and scale and bias are still trainable
  bool dropout = true;
  std::set<ValueId> variable = {};  ///< initialisers that are trained: never taken for a constant
};

/// A statistic that a step renews: after the step the value of `updated` is to replace initialiser `stored`.
struct RunningStatistic {
  ValueId stored, updated;
};

struct TrainingGraph {
  Graph graph;
  /// Two a BatchNormalization (mean, variance). Every `updated` is also appended to graph.outputs, in order.
  std::vector<RunningStatistic> running;
};

/// - BatchNormalization becomes dunlin.BatchNormTraining, which saves what its gradient needs. As ONNX says,
///   running = running * momentum + batch * (1 - momentum) with the variance of the population (PyTorch
///   stores the unbiased one, which differs by n / (n - 1)).
/// - An activation, also one that an exporter spelled as several nodes, joins the BatchNormTraining before
/// it:
///   the value between them is neither written nor kept for the way back.
/// - A layer normalisation that an exporter spelled as several nodes is one, whose gradient is one too.
/// - QuantizeLinear with the DequantizeLinear behind it becomes dunlin.FakeQuantize, which gradients pass.
/// - Dropout drops, and gives its mask.
/// - MaxPool gives its indices, LayerNormalization its statistics, SoftmaxCrossEntropyLoss its
///   log-probabilities: their gradients read them.
/// - Initialisers behind Identity (exporters merge equal ones) become initialisers of their own, so that
///   weights that merely began equal are not tied.
/// Types of values must have been inferred. Throws kUnsupported when statistics are not initialisers.
TrainingGraph to_training_mode(Graph graph, const TrainingModeOptions& options = {});

}  // namespace dunlin
