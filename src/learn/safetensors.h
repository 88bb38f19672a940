// The safetensors file format (huggingface.co/docs/safetensors): an 8-byte little-endian header length, a
// JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}},
// then the tensors' bytes without holes. Written in the order of names, so that equal contents are equal files.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "dunlin/tensor.h"

namespace dunlin {

struct SafeTensors {
  std::map<std::string, Tensor> tensors;  ///< of plain formats
  std::map<std::string, std::string> metadata;
};

Bytes encode_safetensors(const SafeTensors& content);
/// Copies out of `data`. Throws kCorrupt naming `path`: lengths, offsets, overlaps and holes are checked.
SafeTensors decode_safetensors(ByteSpan data, const std::string& path);

}  // namespace dunlin
