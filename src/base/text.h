// Texts from files that people read.
#pragma once

#include <algorithm>
#include <string>

namespace dunlin {

/// Line breaks as "?": a name from a file must not pass for lines of a report.
inline std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\r'; }, '?');
  return text;
}

}  // namespace dunlin
