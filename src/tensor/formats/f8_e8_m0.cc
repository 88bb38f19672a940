#include <algorithm>

#include "tensor/formats/narrow.h"

namespace dunlin::formats {

namespace {
/// 2^(code - 127); 255 is NaN. There is neither sign nor zero: a sign is dropped, and what is smaller than the smallest
/// number becomes it, or NaN when nothing saturates (ONNX Cast 24).
struct Scale {
  static constexpr bool kHasInfinity = false;
  static constexpr uint8_t kNan = 255, kLargest = 254;
  static constexpr int kBias = 127;

  static double decode(uint8_t code) { return code == kNan ? NAN : std::ldexp(1.0, code - kBias); }

  static uint8_t encode(double x, bool saturate, Rounding rounding) {
    if (std::isnan(x)) return kNan;
    if (std::isinf(x)) return saturate ? kLargest : kNan;
    if (!saturate && std::fabs(x) < decode(0)) return kNan;
    int exponent = 0;
    const double fraction =
        std::frexp(std::fabs(x), &exponent);  // [0.5, 1), so that |x| = 2 fraction 2^(e - 1)
    if (fraction == 0) return 0;
    const bool up =
        rounding == Rounding::kUp ? fraction > 0.5 : rounding == Rounding::kNearest && fraction >= 0.75;
    const int code = exponent - 1 + up + kBias;
    if (code > kLargest) return saturate ? kLargest : kNan;
    return static_cast<uint8_t>(std::max(code, 0));
  }
};
}  // namespace

/// 8 bits of exponent, the scales of the MX formats.
extern constexpr FormatDef kF8E8M0 =
    narrow_format<Scale>("f8e8m0", "OCP Microscaling Formats (MX) Specification 1.0 (ONNX FLOAT8E8M0)",
                         FormatDef::Kind::kFloat, 24, 0.5);

}  // namespace dunlin::formats
