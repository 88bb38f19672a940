#include "dunlin/shape.h"

#include <algorithm>

#include "base/error.h"

namespace dunlin {

bool Shape::known() const {
  return std::all_of(dims_.begin(), dims_.end(), [](int64_t d) { return d >= 0; });
}

int64_t Shape::num_elements() const {
  constexpr int64_t kLimit = int64_t{1} << 48;
  int64_t n = 1;
  bool empty = false;
  for (int64_t d : dims_) {
    if (d < 0) fail(ErrorCode::kInvalidArgument, "shape {} is not fully known", to_string(*this));
    // Axes beside an empty one count too: strides are products of them.
    if (n > kLimit / std::max<int64_t>(d, 1))
      fail(ErrorCode::kResourceExhausted, "shape {} has more than 2^48 elements", to_string(*this));
    n *= std::max<int64_t>(d, 1);
    empty |= d == 0;
  }
  return empty ? 0 : n;
}

void Shape::throw_no_axis(int axis) const {
  fail(ErrorCode::kInvalidArgument, "shape {} has no axis {}", to_string(*this), axis);
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (int i = 0; i < shape.rank(); ++i)
    out += (i ? "," : "") + (shape[i] < 0 ? "?" : std::to_string(shape[i]));
  return out + "]";
}

Strides row_major_strides(const Shape& shape) {
  Strides strides(static_cast<size_t>(shape.rank()));
  uint64_t step = 1;  // wraps for a shape too large to be any tensor's: num_elements() refuses it
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = static_cast<int64_t>(step);
    step *= static_cast<uint64_t>(std::max<int64_t>(shape[i], 1));
  }
  return strides;
}

Strides channels_last_strides(const Shape& shape) {
  if (shape.rank() < 3) return row_major_strides(shape);
  Strides strides(static_cast<size_t>(shape.rank()));
  strides[1] = 1;
  int64_t step = std::max<int64_t>(shape[1], 1);
  for (int i = shape.rank() - 1; i >= 2; --i) {
    strides[static_cast<size_t>(i)] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  strides[0] = step;
  return strides;
}

}  // namespace dunlin
