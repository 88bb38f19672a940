#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Unsigned, 8 bits.
extern constexpr FormatDef kU8 = plain_format<uint8_t>("u8", "ONNX UINT8", FormatDef::Kind::kUnsigned, 2, 0);

}  // namespace dunlin::formats
