// The state of a training between two steps, in a second file beside the model, so that training never
// rewrites deployed bytes. A safetensors file: tensors "weight/NAME" (trained in f32), "optimizer/STATE/NAME"
// and "state/NAME" (running statistics), the rest as metadata.
#pragma once

#include <map>
#include <string>

#include "base/file_system.h"
#include "dunlin/tensor.h"

namespace dunlin {

struct Checkpoint {
  std::map<std::string, Tensor> weights;
  /// By state name, then by weight.
  std::map<std::string, std::map<std::string, Tensor>> moments;
  /// What training updates without a gradient: BatchNormalization's running mean and variance.
  std::map<std::string, Tensor> state;

  int64_t step = 0;      ///< optimizer steps taken
  int64_t epoch = 0;     ///< the epoch that continues
  int64_t position = 0;  ///< batches of that epoch already taken
  uint64_t seed = 0;
  int64_t samples = 0;  ///< of the training data; another number means other data
  std::string data;     ///< their data_fingerprint()
  int64_t batch = 0;
  std::string optimizer;  ///< as to_string(OptimizerChoice) writes it
  double learning_rate = 0;
  std::string schedule;
  int64_t epochs = 0;     ///< that the schedule was laid out for
  int64_t max_steps = 0;  ///< likewise; 0: no such limit
  std::string loss;
  double loss_sum = 0;  ///< of the running epoch
  int64_t loss_count = 0;
  double last_loss = 0;  ///< of the last complete epoch
};

/// All or nothing: the old file stays when writing fails.
void save_checkpoint(FileSystem& files, const std::string& path, const Checkpoint& checkpoint);
/// Throws kNotFound, kCorrupt naming what is missing.
Checkpoint load_checkpoint(FileSystem& files, const std::string& path);

}  // namespace dunlin
