#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_integer.h"

namespace dunlin::formats {

/// Two's complement, 4 bits.
extern constexpr FormatDef kI4 =
    narrow_format<NarrowInteger<int8_t, -8, 7>>("i4", "ONNX INT4", FormatDef::Kind::kSigned, 22, 0, 4);

}  // namespace dunlin::formats
