/// What a value of a model is in one run: a tensor, a sequence of tensors, or nothing (an ONNX optional without
/// an element; one with an element is that element).
///
/// Example:
///   auto one = std::make_shared<const dunlin::Tensor>(dunlin::Tensor::of<float>({2}, {1, 2}));
///   dunlin::RunValue list = dunlin::RunValue::sequence(one->format(), {one});
///
/// Ownership  move only, as tensors; view() shares the bytes. The tensors of a sequence are immutable and own
///            their bytes: a sequence that a run returns may hold those of one that it was given.
/// Threads    reading one value from several threads is safe; writing is not.
/// Errors     kInvalidArgument for the elements of what is no sequence.
#pragma once

#include <memory>
#include <vector>

#include "dunlin/tensor.h"

namespace dunlin {

class RunValue {
 public:
  using Elements = std::vector<std::shared_ptr<const Tensor>>;

  RunValue() = default;  ///< nothing
  RunValue(Tensor tensor) : tensor_(std::move(tensor)) {}
  /// `format` is that of the elements, which an empty sequence could not tell; null where it is not known.
  static RunValue sequence(Format format, Elements elements);

  bool is_tensor() const { return static_cast<bool>(tensor_); }
  bool is_sequence() const { return sequence_ != nullptr; }
  bool is_nothing() const { return !is_tensor() && !is_sequence(); }

  /// Of a value that is no tensor: one without a format.
  Tensor& tensor() { return tensor_; }
  const Tensor& tensor() const { return tensor_; }
  const Elements& elements() const;
  /// Of the tensor or of the elements; null when not known.
  Format format() const { return sequence_ ? sequence_->format : tensor_.format(); }
  uint64_t num_bytes() const { return sequence_ ? sequence_->num_bytes : tensor_.num_bytes(); }

  RunValue view() const;
  /// With bytes of its own.
  RunValue clone() const;

 private:
  struct Sequence {
    Format format = nullptr;
    Elements elements;
    uint64_t num_bytes = 0;
  };
  Tensor tensor_;
  // Shared, because elements are: handing a sequence from op to op copies none.
  std::shared_ptr<const Sequence> sequence_;
};

}  // namespace dunlin
