// What a model is for, kept in its own metadata_props: how an input is prepared, what its outputs are called,
// how it is trained and judged. Every command and every device obeys it.
//
//   dunlin.task.version   1
//   dunlin.task.input     one sample's shape without the batch: 1x28x28, 784
//   dunlin.task.layout    NCHW (the input above is CxHxW) or NHWC (HxWxC)
//   dunlin.task.channels  gray, rgb or bgr: the order of an image's channels
//   dunlin.task.scale     multiplies a pixel of 0..255 (a 16-bit pixel counts as its value / 257), or a value
//   dunlin.task.mean      one number, or one a channel; subtracted after scaling: 0.485,0.456,0.406
//   dunlin.task.std       likewise; divides what is left
//   dunlin.task.labels    the class names by output number, as a JSON array: ["cat","dog"]; none: no classes
//   dunlin.task.loss      ce, nll, bce, mse, or `file` when the loss was a graph of the user's
//   dunlin.task.metric    accuracy, top5 or loss
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "learn/data/dataset.h"

namespace dunlin {

struct Task {
  enum class Layout : uint8_t { kNchw, kNhwc };
  enum class Channels : uint8_t { kGray, kRgb, kBgr };

  Shape input;
  Layout layout = Layout::kNchw;
  Channels channels = Channels::kGray;
  double scale = 1;
  std::vector<double> mean, std;  ///< empty: 0 and 1
  std::vector<std::string> labels;
  std::string loss = "ce";
  std::string metric = "accuracy";

  bool operator==(const Task&) const = default;
  /// Axis of `input` that holds the channels (the features of a vector).
  int channel_axis() const { return layout == Layout::kNhwc ? input.rank() - 1 : 0; }
};

using Metadata = std::map<std::string, std::string>;

/// None when the metadata holds no task. Throws kCorrupt naming the key; `model` names the file in messages.
std::optional<Task> read_task(const Metadata& metadata, const std::string& model);
/// Replaces the task in `metadata`; throws kInvalidArgument when it is not sound.
void write_task(const Task& task, Metadata& metadata);
/// Throws kInvalidArgument naming the key that does not fit.
void check_task(const Task& task);

/// A task for a model that has none: pixels scaled to 0..1, labels "0", "1", ... where the data numbers its
/// classes, the data's own class names otherwise. `num_outputs` is the size of the model's last output axis;
/// 0 when not known. Throws kFailedPrecondition when the named classes are not as many as the outputs.
Task guess_task(const Shape& input, int64_t num_outputs, const Dataset& data, const std::string& loss);

/// From the numbers of a dataset's classes to the task's labels, by name.
/// Throws kInvalidArgument naming the first sample whose class is outside the map.
std::vector<int> map_labels(const Task& task, const Dataset& data);

}  // namespace dunlin
