// What the iterations of a Loop, Scan or SequenceMap leave behind, one tensor each.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

class ScanOutput {
 public:
  /// Throws when the value is no tensor, or not of the shape and format of those before it.
  void add(const ValueCall& c, int output, RunValue value);
  /// All of them as one tensor along a new axis, last first when `reverse`. When there is none, what inference
  /// says of the node's output tells its type.
  Tensor stacked(const ValueCall& c, int output, int64_t axis, bool reverse) const;
  uint64_t num_bytes() const;

 private:
  std::vector<Tensor> parts_;
};

/// Part `index` of x along the axis: its bytes are x's.
Tensor part_of(const Tensor& x, int axis, int64_t index);
/// The length of a loop (negative: not known), from one more input.
void meet(const NodeView& n, int64_t& length, int64_t other);

/// The type of such an output, of `length` elements of that type along the axis. -rank-1 <= axis <= rank.
Type stacked_type(const NodeView& n, const Type& element, int64_t axis, int64_t length);

}  // namespace dunlin::ops
