#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_integer.h"

namespace dunlin::formats {

/// Unsigned, 4 bits.
extern constexpr FormatDef kU4 =
    narrow_format<NarrowInteger<uint8_t, 0, 15>>("u4", "ONNX UINT4", FormatDef::Kind::kUnsigned, 21, 0, 4);

}  // namespace dunlin::formats
