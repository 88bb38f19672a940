// NumPy's .npy files (format version 1 to 3): how `dunlin run` takes inputs and gives outputs.
#pragma once

#include <string>

#include "base/bytes.h"
#include "dunlin/tensor.h"

namespace dunlin {

/// Little-endian numbers and bools, C or Fortran order; the tensor is row major. `origin` begins every error.
/// Throws kCorrupt for what is not .npy or is cut short, kUnsupported for other element types, by name.
Tensor parse_npy(ByteSpan bytes, const std::string& origin);
/// bf16, which NumPy does not have, is written as f32; so are formats with several planes.
Bytes to_npy(const Tensor& tensor);

Tensor load_npy(const std::string& path);

}  // namespace dunlin
