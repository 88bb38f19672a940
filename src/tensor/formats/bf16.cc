#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// The upper half of a binary32.
extern constexpr FormatDef kBF16 =
    plain_format<BFloat16>("bf16", "bfloat16 (ONNX BFLOAT16)", FormatDef::Kind::kFloat, 16, 0x1p-8);

}  // namespace dunlin::formats
