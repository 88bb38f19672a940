#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Unsigned, 64 bits.
extern constexpr FormatDef kU64 =
    plain_format<uint64_t>("u64", "ONNX UINT64", FormatDef::Kind::kUnsigned, 13, 0);

}  // namespace dunlin::formats
