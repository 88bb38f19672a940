// Shapes and formats that a file or a computation asks for.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

/// Throws unless every size is 0 or more.
inline Shape checked_shape(const NodeView& a, std::vector<int64_t> sizes) {
  for (int64_t d : sizes)
    if (d < 0) a.error("the shape holds {}, a size is expected", d);
  return Shape(std::move(sizes));
}

/// The plain format that attribute `name` names by its ONNX number.
inline Format format_attribute(const NodeView& a, std::string_view name, Format otherwise) {
  const int64_t type = a.attr_int(name, 0);
  if (type == 0) return otherwise;
  const Format format =
      type > 0 && type <= INT32_MAX ? find_format_by_onnx_type(static_cast<int>(type)) : nullptr;
  if (format == nullptr || !is_plain(format)) a.unsupported("{} {} is not supported", name, type);
  return format;
}

/// Dimensions of which one is not known yet may turn out to be equal.
inline bool may_equal(int64_t a, int64_t b) { return a < 0 || b < 0 || a == b; }

/// Whether the two can be one shape, as far as they are known.
inline bool shapes_agree(const Shape& x, const Shape& y) {
  bool agree = x.rank() == y.rank();
  for (int d = 0; agree && d < x.rank(); ++d) agree = may_equal(x[d], y[d]);
  return agree;
}

}  // namespace dunlin::ops
