// The weighted sum of a round's updates, as exact integers: all that the server half of a strategy ever sees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fixed_point.h"
#include "fleet/strategies/named_tensors.h"

namespace dunlin::fleet {

/// How one tensor of an update is written on the wire and folded.
struct TensorCode {
  std::string name;
  std::vector<int64_t> shape;
  FixedPoint code;

  size_t count() const { return num_elements(shape, name); }
};

class Sum {
 public:
  explicit Sum(std::vector<TensorCode> codes);

  const std::vector<TensorCode>& codes() const { return codes_; }
  uint64_t weight() const { return weight_; }    // examples
  uint64_t updates() const { return updates_; }  // devices
  /// Bytes of one update's codes, all tensors in order.
  size_t code_bytes() const { return code_bytes_; }

  /// Adds one update: code_bytes() bytes, already checked (fleet/strategies/update_code.h).
  void fold(ByteSpan codes, uint64_t weight);
  /// Adds another sum of the same codes; throws kInvalidArgument when they differ.
  void merge(const Sum& other);
  /// The mean by weight (decode_mean of base/fixed_point.h). Throws kFailedPrecondition when nothing was
  /// folded.
  NamedTensors mean() const;

  /// Equal sums give equal bytes, whatever the order of the folds.
  Bytes serialise() const;
  /// Throws kCorrupt.
  static Sum parse(ByteSpan bytes);

 private:
  std::vector<TensorCode> codes_;
  std::vector<int64_t> values_;  // all tensors, one after another
  size_t code_bytes_ = 0;
  uint64_t weight_ = 0, updates_ = 0;
};

}  // namespace dunlin::fleet
