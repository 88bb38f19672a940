#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Two's complement, 64 bits.
extern constexpr FormatDef kI64 = plain_format<int64_t>("i64", "ONNX INT64", FormatDef::Kind::kSigned, 7, 0);

}  // namespace dunlin::formats
