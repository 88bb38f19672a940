#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Single precision.
extern constexpr FormatDef kF32 =
    plain_format<float>("f32", "IEEE 754 binary32", FormatDef::Kind::kFloat, 1, 0);

}  // namespace dunlin::formats
