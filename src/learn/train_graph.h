// The graphs that training and evaluation run: the model's own with a loss appended, and for training its
// gradient.
#pragma once

#include <string>
#include <vector>

#include "graph/ir.h"
#include "learn/losses/loss.h"

namespace dunlin {

struct TrainGraphOptions {
  std::string loss;
  std::vector<std::string> frozen;  ///< patterns as in TrainOptions
  bool freeze_batch_norm = false;
};

/// A weight that was to be trained, and why it stays as it is.
struct Untrained {
  std::string weight, why;
};

struct TrainGraph {
  /// Inputs: x, target. Outputs: the loss, then the gradients, then the new values of the statistics.
  GraphPtr graph;
  TargetForm form;
  std::vector<std::string> weights;     ///< trained; in the order of the initialisers in the graph
  std::vector<size_t> gradient_of;      ///< number of the weight's gradient among the outputs
  std::vector<Untrained> untrained;     ///< no gradient of the loss comes to them
  std::vector<std::string> statistics;  ///< that a step renews, in the order of the last outputs
};

/// `source` comes from prepare_for_training(). Throws kUnsupported naming the op without a gradient and the
/// path from the weight to it; kFailedPrecondition when no weight is left to train.
TrainGraph make_train_graph(const Graph& source, const TrainGraphOptions& options);

struct EvaluateGraph {
  GraphPtr graph;  ///< inputs: x, target; outputs: the loss, the model's first output
  TargetForm form;
};
EvaluateGraph make_evaluate_graph(const Graph& source, const std::string& loss);

/// The model's graph, ready for both: what the exporter names no parameter a constant (hold_constants()), calls of
/// functions inlined, initialisers untied, the batch left open.
/// Its input is f32, whatever the model's is. Throws kUnsupported listing missing ops, or when the model does not
/// have one input of numbers with a batch.
Graph prepare_for_training(const Model& model);
/// Whether its input is of token numbers, which batches hold as f32.
bool takes_token_numbers(const Graph& graph);

/// Names of the float initialisers that training may change, and of BatchNormalization's running statistics,
/// each in the order in which the nodes read them: what a fleet's rounds exchange. hold_constants() goes before.
std::vector<std::string> trainable_weights(const Graph& graph);
std::vector<std::string> running_statistics(const Graph& graph);

/// Whether `name` matches a pattern in which * stands for any characters.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace dunlin
