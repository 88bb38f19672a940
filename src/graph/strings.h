// Tensors of strings for ops that only move or compare elements (Strings::kNumbered): every string becomes its place
// among the sorted strings of all inputs, the op runs on those integers, and what it gives becomes strings again.
#pragma once

#include "graph/op.h"

namespace dunlin {

class StringNumbers {
 public:
  /// Keeps views of those of the inputs (null: absent) that hold strings.
  explicit StringNumbers(std::span<const Tensor* const> inputs);

  Tensor numbers(const Tensor& strings) const;
  /// Throws kResourceExhausted when they take more than `max_bytes`, kUnsupported for a number that is none of theirs.
  Tensor strings(const Tensor& numbers, uint64_t max_bytes) const;

 private:
  std::vector<Tensor> kept_;
  std::vector<std::string_view> sorted_;  // each once
};

inline bool holds_strings(const Tensor* t) { return t != nullptr && t->format() == &formats::kString; }

}  // namespace dunlin
