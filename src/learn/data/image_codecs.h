// The two decoders behind image.h; both C libraries report errors by longjmp, so each has a file of its own.
#pragma once

#include <string>

#include "base/bytes.h"
#include "dunlin/tensor.h"

namespace dunlin {

Tensor decode_png(ByteSpan data, const std::string& path);
Tensor decode_jpeg(ByteSpan data, const std::string& path);

}  // namespace dunlin
