// Conversion between plain formats, as C++ and ONNX Cast define it: floats to integers truncate, integers
// wrap, anything but 0 is true.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

/// Shapes agree, strides may differ.
void cast_elements(const Tensor& from, Tensor& to);

}  // namespace dunlin::ops
