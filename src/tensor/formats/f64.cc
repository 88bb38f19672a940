#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Double precision; exact for any float.
extern constexpr FormatDef kF64 =
    plain_format<double>("f64", "IEEE 754 binary64", FormatDef::Kind::kFloat, 11, 0);

}  // namespace dunlin::formats
