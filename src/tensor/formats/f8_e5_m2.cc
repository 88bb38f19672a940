#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_float.h"

namespace dunlin::formats {

/// 8 bits: the upper half of a binary16.
extern constexpr FormatDef kF8E5M2 = narrow_format<NarrowFloat<5, 2, 15, Specials::kIeee>>(
    "f8e5m2", "OCP 8-bit Floating Point Specification 1.0 (ONNX FLOAT8E5M2)", FormatDef::Kind::kFloat, 19,
    0x1p-3);

}  // namespace dunlin::formats
