/// A tensor: shape, number format, and the planes that hold its codes; or a tensor of strings.
///
/// Example:
///   dunlin::Tensor t = dunlin::Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
///   t.data<float>()[0] = 7;
///   dunlin::Tensor same_bytes = t.reshaped({3, 2});
///   float first = same_bytes.values<float>()[0];  // 7
///
/// Ownership  planes are owned, or views of memory that someone else owns (a mapped file, an arena). Tensors
///            move; a copy must be asked for: view() shares the bytes and their lifetime, clone() copies them.
/// Layout     plain formats may be strided (channels-last activations); formats with several planes are row
///            major.
/// Threads    reading one tensor from several threads is safe; writing is not.
/// Errors     kInvalidArgument for a wrong element type, plane, shape or number of values, kResourceExhausted
///            when there is no memory for it.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dunlin/format.h"
#include "dunlin/shape.h"

namespace dunlin {

class Tensor {
 public:
  Tensor() = default;  ///< no tensor at all: format() is null
  /// Owned, 64-byte aligned, zero. `axis` is the one along which blocks and per-axis scales run.
  Tensor(Format format, Shape shape, int axis = 0);
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  /// Row major, from values, in row-major order. Throws kInvalidArgument unless there are as many as the shape
  /// has elements.
  template <typename T>
  static Tensor of(Shape shape, std::span<const T> values);
  template <typename T>
  static Tensor of(Shape shape, std::initializer_list<T> values) {
    return of<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  /// ONNX's STRING: immutable, row major, without planes. A view, a clone and another shape share the strings.
  static Tensor of_strings(Shape shape, std::vector<std::string> values);
  /// A plain tensor over someone else's bytes; `keep_alive`, when given, is held as long as the tensor.
  static Tensor over(Format format, Shape shape, Strides strides, std::byte* data,
                     std::shared_ptr<const void> keep_alive = nullptr);

  explicit operator bool() const { return format_ != nullptr; }
  Format format() const { return format_; }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }
  int axis() const { return axis_; }
  int64_t num_elements() const { return shape_.num_elements(); }
  uint64_t num_bytes() const;  ///< of all planes, or of the strings
  bool is_row_major() const;

  std::span<std::byte> plane(Plane plane);  ///< throws kInvalidArgument when the format has no such plane
  std::span<const std::byte> plane(Plane plane) const;

  /// The elements of a tensor of strings; throws kInvalidArgument for another.
  std::span<const std::string> strings() const;

  /// First element; throws kInvalidArgument unless the format is that of T.
  template <typename T>
  T* data();
  template <typename T>
  const T* data() const;
  /// All elements of a row-major tensor.
  template <typename T>
  std::span<const T> values() const;

  Tensor view() const;   ///< shares the bytes and their lifetime
  Tensor clone() const;  ///< owned, row major
  /// The same bytes under another shape of as many elements. Row major only.
  Tensor reshaped(Shape shape) const;
  /// Owned, row major, decoded to float.
  Tensor to_float() const;

 private:
  static void check_count(const Shape& shape, size_t values);
  void check_element(Format wanted) const;
  void check_row_major() const;

  Format format_ = nullptr;
  Shape shape_;
  Strides strides_;
  int axis_ = 0;
  std::vector<std::span<std::byte>> planes_;
  // Shared, because views of one mapped file or of one packed constant outlive each other in any order.
  std::shared_ptr<const void> owner_;
};

template <typename T>
Tensor Tensor::of(Shape shape, std::span<const T> values) {
  check_count(shape, values.size());
  Tensor t(format_of<T>(), std::move(shape));
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}

template <typename T>
T* Tensor::data() {
  check_element(format_of<T>());
  return reinterpret_cast<T*>(planes_[0].data());
}

template <typename T>
const T* Tensor::data() const {
  check_element(format_of<T>());
  return reinterpret_cast<const T*>(planes_[0].data());
}

template <typename T>
std::span<const T> Tensor::values() const {
  check_row_major();
  return {data<T>(), static_cast<size_t>(num_elements())};
}

}  // namespace dunlin
