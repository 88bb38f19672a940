#include "learn/data/image.h"

#include <algorithm>

#include "base/error.h"
#include "learn/data/image_codecs.h"

namespace dunlin {

Tensor decode_image(ByteSpan data, const std::string& path) {
  const std::string_view chars = as_chars(data);
  if (chars.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(data, path);
  if (chars.starts_with("\xff\xd8\xff")) return decode_jpeg(data, path);
  fail(data.empty() ? ErrorCode::kCorrupt : ErrorCode::kUnsupported, "{}: {}", path,
       data.empty() ? "the file is empty" : "neither a PNG nor a JPEG image");
}

bool is_image_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string end(name.substr(dot));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

}  // namespace dunlin
