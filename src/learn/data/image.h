// PNG (8 and 16 bits, gray, colour, palette) and JPEG, decoded to u8 or u16 [H,W,C], C = 1 or 3. Transparency
// is dropped, colour spaces other than gray and RGB (CMYK) are refused, EXIF orientation is obeyed for JPEG.
#pragma once

#include <string>

#include "base/bytes.h"
#include "dunlin/tensor.h"

namespace dunlin {

/// Larger images are refused before memory is spent on them.
inline constexpr int64_t kMaxImagePixels = int64_t{1} << 28;

/// By the content, not by the name. Throws kCorrupt or kUnsupported naming `path`.
Tensor decode_image(ByteSpan data, const std::string& path);
/// Whether the name ends in .png, .jpg or .jpeg, in any case.
bool is_image_name(std::string_view name);

/// u8 [H,W,C] as PNG.
Bytes encode_png(const Tensor& image);

}  // namespace dunlin
