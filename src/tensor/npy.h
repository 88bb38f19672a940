// NumPy's .npy files (format version 1 to 3): how `dunlin run` takes inputs and gives outputs.
#pragma once

#include <string>

#include "base/bytes.h"
#include "dunlin/tensor.h"

namespace dunlin {

/// What stands before a .npy file's numbers.
struct NpyHeader {
  Format format = nullptr;
  Shape shape;
  bool fortran_order = false;
  size_t size_bytes = 0;  ///< of magic and header: the numbers follow
};
/// How many bytes the header has, from the file's first 12. Throws as parse_npy.
size_t npy_header_bytes(ByteSpan begin, const std::string& origin);
/// `begin` holds the whole header at least.
NpyHeader parse_npy_header(ByteSpan begin, const std::string& origin);
/// Little-endian numbers and bools, C or Fortran order; the tensor is row major. `origin` begins every error.
/// Throws kCorrupt for what is not .npy or is cut short, kUnsupported for other element types, by name.
Tensor parse_npy(ByteSpan bytes, const std::string& origin);
/// bf16, which NumPy does not have, is written as f32; so are formats with several planes.
Bytes to_npy(const Tensor& tensor);

Tensor load_npy(const std::string& path);

}  // namespace dunlin
