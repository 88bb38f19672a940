// UTF-8 as RFC 3629 has it: overlong forms, surrogates and what lies beyond U+10FFFF are none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dunlin {

struct CodePoint {
  uint32_t code;
  size_t bytes;  ///< that it takes, 1 to 4
};

/// The character that begins at text[at], which there is; none where none does.
std::optional<CodePoint> code_point_at(std::string_view text, size_t at);
void append_utf8(std::string& text, uint32_t code);
bool is_utf8(std::string_view text);

}  // namespace dunlin
