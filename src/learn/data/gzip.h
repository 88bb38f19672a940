// Inflating a .gz whose size is known beforehand, so that a small file cannot fill the memory.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/threads.h"

namespace dunlin {

/// Inflates `data`. `size_of` sees the first `head_bytes` inflated bytes and answers how many there must be
/// in all; throws kCorrupt (naming `path`) when there are fewer or more, or when the checksum is wrong.
Bytes inflate_gzip(ByteSpan data, const std::string& path, size_t head_bytes,
                   FunctionRef<uint64_t(ByteSpan head)> size_of);

}  // namespace dunlin
