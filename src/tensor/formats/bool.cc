#include "tensor/formats/plain.h"

namespace dunlin::formats {

/// One byte, 0 or 1; any number but 0 encodes as 1.
extern constexpr FormatDef kBool = plain_format<bool>("bool", "ONNX BOOL", FormatDef::Kind::kBool, 9, 0);

}  // namespace dunlin::formats
