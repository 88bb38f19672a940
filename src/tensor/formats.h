// The formats by name, as C++ constants: formats::kF32, ...
#pragma once

#include "dunlin/format.h"

namespace dunlin::formats {
#define FORMAT(name) extern const FormatDef k##name;
#include "tensor/formats/catalog.def"
#undef FORMAT
/// ONNX STRING: no number format, and in no list of them. Its tensors hold Tensor::strings() and have no planes.
extern const FormatDef kString;
}  // namespace dunlin::formats
