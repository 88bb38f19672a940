#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Unsigned, 32 bits.
extern constexpr FormatDef kU32 =
    plain_format<uint32_t>("u32", "ONNX UINT32", FormatDef::Kind::kUnsigned, 12, 0);

}  // namespace dunlin::formats
