#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Two's complement, 8 bits.
extern constexpr FormatDef kI8 = plain_format<int8_t>("i8", "ONNX INT8", FormatDef::Kind::kSigned, 3, 0);

}  // namespace dunlin::formats
