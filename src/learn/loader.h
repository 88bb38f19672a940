// Batches: which samples a step sees, and their tensors. Stateless but for a remembered order: a batch is
// named by (epoch, index), so training resumes anywhere.
#pragma once

#include <mutex>

#include "base/threads.h"
#include "learn/task.h"

namespace dunlin {

struct Batch {
  Tensor input;   ///< f32 [N, task.input...]
  Tensor target;  ///< i64 [N] or [N, ...] class numbers, or f32 [N, ...]
  int64_t size() const { return input.shape()[0]; }
};

/// What the loss takes as targets.
struct TargetForm {
  bool class_number = true;  ///< i64, one a sample; otherwise values of `shape`
  Shape shape;  ///< of one sample's target; a class becomes one-hot, or 0 and 1 when it holds one element
  bool whole = false;  ///< values are class numbers, i64: one a pixel or a step of the sample
};

struct LoaderOptions {
  int64_t batch = 32;
  uint64_t seed = 0;
  bool shuffle = true;  ///< otherwise in the data's own order
  bool tokens = false;  ///< the inputs are token numbers: others are refused
};

class Loader {
 public:
  /// Throws kFailedPrecondition when there are no samples, kInvalidArgument when a label is outside the
  /// task's map.
  Loader(DatasetPtr data, Task task, TargetForm form, LoaderOptions options);

  const Dataset& data() const { return *data_; }
  /// The last batch may be smaller than the others.
  int64_t batches_per_epoch() const;
  /// The samples of a batch, in order. The order of an epoch depends on (seed, epoch, number of samples)
  /// only.
  std::vector<size_t> samples_of(int64_t epoch, int64_t index) const;
  /// Samples are decoded in parallel when a pool is given.
  Batch load(int64_t epoch, int64_t index, ThreadPool* pool = nullptr) const;

 private:
  /// Throws unless the sample has as many as the form says.
  std::span<const float> target_values(size_t sample, const Example& example) const;
  void write_target(size_t sample, const Example& example, int64_t row, Batch& batch) const;

  DatasetPtr data_;
  Task task_;
  TargetForm form_;
  LoaderOptions options_;
  std::vector<int> label_of_class_;
  mutable std::mutex mutex_;
  mutable int64_t order_epoch_ = -1;
  mutable std::vector<size_t> order_;
};

}  // namespace dunlin
