// Resize and Upsample as one weighted sum an axis, so that the gradient is the same sum transposed.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// What one axis of the output reads: for each output index a run of (input index, weight).
struct ResampleAxis {
  int64_t in = 0;
  std::vector<std::vector<std::pair<int64_t, double>>> taps;
  std::vector<bool> outside;  ///< tf_crop_and_resize: reads beyond the input
  bool identity() const;
};

/// Inputs of Resize by position; -1 where the form has no such input.
struct ResizeInputs {
  int roi = 1, scales = 2, sizes = 3;
};
ResizeInputs resize_inputs(const NodeView& a);

/// One entry an axis of x. All inputs must be there.
std::vector<ResampleAxis> resample_axes(const OpCall& c, const Shape& x, const Shape& y);

/// Applies the sums axis by axis to row-major data of shape x. `transposed`: from y back to x.
std::vector<double> resample(std::vector<double> data, const std::vector<ResampleAxis>& axes,
                             bool transposed);

std::vector<Type> infer_resize(const InferArgs& a);
void resize_forward(const OpCall& c);

}  // namespace dunlin::ops
