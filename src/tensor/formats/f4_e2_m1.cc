#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_float.h"

namespace dunlin::formats {

/// 4 bits: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
extern constexpr FormatDef kF4E2M1 = narrow_format<NarrowFloat<2, 1, 1, Specials::kNone>>(
    "f4e2m1", "OCP Microscaling Formats (MX) Specification 1.0 (ONNX FLOAT4E2M1)", FormatDef::Kind::kFloat,
    23, 0x1p-2, 4);

}  // namespace dunlin::formats
