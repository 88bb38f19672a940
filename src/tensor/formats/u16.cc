#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Unsigned, 16 bits.
extern constexpr FormatDef kU16 =
    plain_format<uint16_t>("u16", "ONNX UINT16", FormatDef::Kind::kUnsigned, 4, 0);

}  // namespace dunlin::formats
