// Optimizers: one file each, listed once in catalog.def. Elementwise over a weight, its gradient and its
// named state, so the result does not depend on threads. Semantics are PyTorch's (torch.optim), by which
// results can be compared.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

struct OptimizerOptions {
  double momentum = 0;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

/// One step of one parameter. `weight` is read and written, and so is every `state` (zero before the first
/// step).
struct OptimizerCall {
  std::span<float> weight;
  std::span<const float> gradient;
  std::span<const std::span<float>> state;  ///< in the order of OptimizerDef::state
  int64_t step;                             ///< counts from 1
  double learning_rate;
  const OptimizerOptions& options;
  ThreadPool& pool;
  Isa isa;
};

struct OptimizerDef {
  std::string_view name;
  std::string_view source;
  double default_learning_rate;
  /// Tensors of the weight's shape that live between steps, by their name in a checkpoint.
  std::span<const std::string_view> state;
  void (*step)(const OptimizerCall&);
};

using Optimizer = const OptimizerDef*;

struct OptimizerChoice {
  Optimizer optimizer = nullptr;
  OptimizerOptions options;
};
/// "sgd", "sgd:momentum=0.9,nesterov=1", "adamw:beta2=0.99,weight_decay=0.01". Keys: momentum, nesterov,
/// beta1, beta2, epsilon, weight_decay. Throws kInvalidArgument and lists what there is.
OptimizerChoice parse_optimizer(const std::string& text);
/// The opposite: name and every option, as a checkpoint keeps it.
std::string to_string(const OptimizerChoice& choice);

}  // namespace dunlin
