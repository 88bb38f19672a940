#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_float.h"

namespace dunlin::formats {

/// 8 bits: largest 448, no infinity.
extern constexpr FormatDef kF8E4M3FN = narrow_format<NarrowFloat<4, 3, 7, Specials::kOneNan>>(
    "f8e4m3fn", "OCP 8-bit Floating Point Specification 1.0 (ONNX FLOAT8E4M3FN)", FormatDef::Kind::kFloat, 17,
    0x1p-4);

}  // namespace dunlin::formats
