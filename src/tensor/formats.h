// The formats by name, as C++ constants: formats::kF32, ...
#pragma once

#include "dunlin/format.h"

namespace dunlin::formats {
#define FORMAT(name) extern const FormatDef k##name;
#include "tensor/formats/catalog.def"
#undef FORMAT
}  // namespace dunlin::formats
