// ai.onnx.ml: elements by their place in a list of keys, and other labels for them.
#pragma once

#include "graph/ops/ml.h"

namespace dunlin::ops {

/// Of each element of x its place among the keys, -1 where it is none. Of equal keys the last counts, NaN equals NaN, and
/// where the keys are integers x is cast to them.
std::vector<int64_t> places_of(const Tensor& x, const Tensor& keys);

/// Keys and as many values, each of one axis.
struct LabelMap {
  Tensor keys, values;
  Tensor otherwise;  ///< one element
};
/// X of the keys' type -> values in its shape. Throws when the map does not fit together, or X to it.
std::vector<Type> infer_mapped_labels(const InferArgs& a, const LabelMap& map);
void map_labels(const OpCall& c, const LabelMap& map);

/// A list attribute as a tensor; null when it is not there.
Tensor integers_attribute(const NodeView& a, std::string_view name);
Tensor floats_attribute(const NodeView& a, std::string_view name);
Tensor strings_attribute(const NodeView& a, std::string_view name);
/// 0, 1, ...
Tensor counted(int64_t count);

}  // namespace dunlin::ops
