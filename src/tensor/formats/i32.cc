#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Two's complement, 32 bits.
extern constexpr FormatDef kI32 = plain_format<int32_t>("i32", "ONNX INT32", FormatDef::Kind::kSigned, 6, 0);

}  // namespace dunlin::formats
