#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Two's complement, 16 bits.
extern constexpr FormatDef kI16 = plain_format<int16_t>("i16", "ONNX INT16", FormatDef::Kind::kSigned, 5, 0);

}  // namespace dunlin::formats
