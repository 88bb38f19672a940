// Training: plan a graph, run the plan. The trainer appends a loss to the model's graph, puts
// BatchNormalization and Dropout in training form, differentiates, and runs the result through a runtime
// Session; an optimizer then moves the weights. `dunlin train`, devices and the demo all use this one class.
//
// The result depends on (model, data, options) and on nothing else: not on threads, nor on where it was
// interrupted.
//
//   Trainer trainer(std::move(model), task, {.epochs = 3, .seed = 7});
//   trainer.train(data, [](const Progress& p) { ...; return true; });
//   Model better = trainer.model();
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/threads.h"
#include "graph/exporter_parameters.h"
#include "graph/ir.h"
#include "learn/checkpoint.h"
#include "learn/data/dataset.h"
#include "learn/metrics.h"
#include "learn/optimizers/optimizer.h"
#include "learn/schedule.h"
#include "learn/task.h"
#include "learn/train_graph.h"

namespace dunlin {

struct TrainOptions {
  int64_t epochs = 1;
  int64_t max_steps = 0;  ///< ends sooner, after so many optimizer steps in all; 0: no such limit
  int64_t batch = 32;
  OptimizerChoice optimizer = parse_optimizer("sgd:momentum=0.9");
  double learning_rate = 0;  ///< 0: the optimizer's default
  Schedule schedule = {};
  uint64_t seed = 0;  ///< of the sample order and of Dropout
  /// ce, nll, bce, mse, or the path of an ONNX graph from (outputs, targets) to one number; empty: the
  /// task's.
  std::string loss = {};
  /// Weights that stay as they are: names in which * stands for any characters ("features.*").
  std::vector<std::string> frozen = {};
  /// BatchNormalization keeps its stored statistics and normalises by them.
  bool freeze_batch_norm = false;
  /// FedProx: adds (mu/2) ||w - w_0||^2 to the loss, w_0 being the weights the trainer was made with.
  double proximal_mu = 0;
  std::shared_ptr<ThreadPool> pool = {};  ///< none: one thread
};

struct Progress {
  int64_t epoch;  ///< from 0
  int64_t epochs;
  int64_t step;  ///< optimizer steps taken, this one included
  int64_t total_steps;
  double loss;        ///< mean over the samples of the running epoch so far
  double batch_loss;  ///< of this step
  double learning_rate;
  double samples_per_second;
  double seconds_left;
  bool epoch_ended;
};
/// After every step. False stops: train() returns, and checkpoint() holds all that is needed to go on.
using ProgressCallback = std::function<bool(const Progress&)>;

struct TrainResult {
  int64_t epochs = 0;  ///< complete ones
  int64_t steps = 0;
  int64_t samples = 0;  ///< seen in this call, repeats counted
  double loss = 0;      ///< mean over the last epoch's samples, each at the time it was seen
  double seconds = 0;
  double median_step_ms = 0;  ///< loading the batch included
  bool stopped = false;       ///< by the callback
};

class Trainer {
 public:
  /// Throws kUnsupported naming the op and the path when a trained weight has no gradient;
  /// kFailedPrecondition with the remedy when loss and model do not fit (ce behind a Softmax).
  Trainer(Model model, Task task, TrainOptions options);
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  /// Continues where the trainer stands (at the start, after a stop, after resume()) to the end of `epochs`.
  /// Throws kFailedPrecondition naming the step when the loss is not finite; the weights are then those
  /// before it.
  TrainResult train(const DatasetPtr& data, const ProgressCallback& progress = {});

  /// Loss and metrics of the present weights, in inference form.
  Metrics evaluate(const DatasetPtr& data) const;

  /// The model with the present weights and running statistics, its task written into the metadata.
  Model model() const;
  const Task& task() const;
  /// Names of the weights that are trained, and of the running statistics that change beside them.
  const std::vector<std::string>& trained() const;
  const std::vector<std::string>& statistics() const;
  /// Weights that stay as they are because no gradient comes to them, each with the reason.
  const std::vector<Untrained>& untrained() const;
  /// What stays because PyTorch's exporter says that it is no parameter; Constant nodes in model().
  const ExporterConstants& constants() const;
  /// A trained weight or statistic as it is now.
  const Tensor& value(const std::string& name) const;

  Checkpoint checkpoint() const;
  /// `data` are what train() is to go on with. Throws kFailedPrecondition, and changes nothing, when the state
  /// belongs to another model, to other options, or to other data.
  void resume(const Checkpoint& checkpoint, const Dataset& data);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct EvaluateOptions {
  int64_t batch = 64;
  std::string loss = {};  ///< as in TrainOptions
  std::shared_ptr<ThreadPool> pool = {};
  /// After every batch, with the samples done; false stops.
  std::function<bool(int64_t done, int64_t total)> progress = {};
};
/// Judges a model as it is, in inference form.
Metrics evaluate_model(const Model& model, const Task& task, const DatasetPtr& data,
                       const EvaluateOptions& options = {});

/// The task in the model's metadata, or a guess from its first input and the data when there is none.
Task task_of(const Model& model, const Dataset& data, const std::string& model_name,
             const std::string& loss = "ce");

}  // namespace dunlin
