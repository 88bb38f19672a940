#include "base/utf8.h"

namespace dunlin {

std::optional<CodePoint> code_point_at(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const int more = lead < 0x80            ? 0
                   : lead >> 5 == 0b110   ? 1
                   : lead >> 4 == 0b1110  ? 2
                   : lead >> 3 == 0b11110 ? 3
                                          : -1;
  if (more < 0 || text.size() - at <= static_cast<size_t>(more)) return std::nullopt;
  uint32_t code = lead & (more == 0 ? 0x7f : 0x3f >> more);
  for (int k = 1; k <= more; ++k) {
    const auto next = static_cast<unsigned char>(text[at + static_cast<size_t>(k)]);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (next & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (code < kLeast[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return std::nullopt;
  return CodePoint{code, static_cast<size_t>(more) + 1};
}

void append_utf8(std::string& text, uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  text += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | code >> (6 * more));
  for (int k = more - 1; k >= 0; --k) text += static_cast<char>(0x80 | (code >> (6 * k) & 0x3f));
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = code_point_at(text, i);
    if (!c) return false;
    i += c->bytes;
  }
  return true;
}

}  // namespace dunlin
