// Conversion between plain formats, as C++ and ONNX Cast define it: floats to integers truncate, integers
// wrap, anything but 0 is true.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

/// Input 0 in that format, strings included, as output 0.
void cast_to(const OpCall& c, Format format);
/// All elements in logical order, true as 1.
std::vector<double> cast_to_doubles(const Tensor& t);
/// Shapes agree, strides may differ.
void cast_elements(const Tensor& from, Tensor& to);

}  // namespace dunlin::ops
