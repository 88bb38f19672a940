/// Shapes and strides.
///
/// Example:
///   dunlin::Shape shape{8, 3, 32, 32};                          // N, C, H, W
///   int64_t channels = shape[1];                                // 3
///   int64_t elements = shape.num_elements();                    // 24576
///   std::string text = dunlin::to_string(shape);                // "[8,3,32,32]"
///   dunlin::Strides rows = dunlin::row_major_strides(shape);    // 3072, 1024, 32, 1
///
/// Dimensions  >= 0 is a size. In a graph that has not been given concrete inputs a dimension may be kUnknownDim
///             (-1), or a symbol (<= -2; `Graph::symbols` holds its name). Tensors have known dimensions only.
/// Axes        operator[] takes 0 to rank() - 1 and throws kInvalidArgument for others: a file's shapes have any rank.
/// Threads     values: what one thread writes no other may use meanwhile.
/// Errors      num_elements() throws on dimensions that are unknown, or too large together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace dunlin {

inline constexpr int64_t kUnknownDim = -1;

class Shape {
 public:
  Shape() = default;  ///< a scalar: rank 0, one element
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int axis) const { return dims_[checked(axis)]; }
  int64_t& operator[](int axis) { return dims_[checked(axis)]; }
  const std::vector<int64_t>& dims() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  void push_back(int64_t dim) { dims_.push_back(dim); }

  bool known() const;  ///< every dimension is >= 0
  /// Product of the dimensions. Throws kInvalidArgument when a dimension is not known, kResourceExhausted
  /// when the product does not fit 2^48 elements.
  int64_t num_elements() const;
  bool operator==(const Shape&) const = default;

 private:
  size_t checked(int axis) const {
    if (static_cast<size_t>(axis) >= dims_.size()) throw_no_axis(axis);
    return static_cast<size_t>(axis);
  }
  [[noreturn]] void throw_no_axis(int axis) const;
  std::vector<int64_t> dims_;
};

/// "[2,3,?]"; "[]" for a scalar.
std::string to_string(const Shape& shape);

/// Distance between neighbours along each axis, in elements.
using Strides = std::vector<int64_t>;

Strides row_major_strides(const Shape& shape);
/// Strides of [N, C, spatial...] stored with C innermost: N, spatial..., C. Rank below 3: row major.
Strides channels_last_strides(const Shape& shape);

}  // namespace dunlin
