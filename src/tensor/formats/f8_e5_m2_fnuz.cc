#include "tensor/formats/narrow.h"
#include "tensor/formats/narrow_float.h"

namespace dunlin::formats {

/// 8 bits: largest 57344, no infinity, no -0.
extern constexpr FormatDef kF8E5M2FNUZ = narrow_format<NarrowFloat<5, 2, 16, Specials::kMinusZeroIsNan>>(
    "f8e5m2fnuz", "Noune et al., arXiv 2206.02915 (ONNX FLOAT8E5M2FNUZ)", FormatDef::Kind::kFloat, 20,
    0x1p-3);

}  // namespace dunlin::formats
