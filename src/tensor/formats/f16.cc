#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// Half precision: 5 exponent and 10 fraction bits, infinities and NaN.
extern constexpr FormatDef kF16 =
    plain_format<Half>("f16", "IEEE 754 binary16", FormatDef::Kind::kFloat, 10, 0x1p-11);

}  // namespace dunlin::formats
