#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_float.h"

namespace dunlin::formats {

/// 8 bits: largest 240, no infinity, no -0.
extern constexpr FormatDef kF8E4M3FNUZ = narrow_format<NarrowFloat<4, 3, 8, Specials::kMinusZeroIsNan>>(
    "f8e4m3fnuz", "Noune et al., arXiv 2206.02915 (ONNX FLOAT8E4M3FNUZ)", FormatDef::Kind::kFloat, 18,
    0x1p-4);

}  // namespace dunlin::formats
