#include "base/utf8.h"

#include <gtest/gtest.h>

namespace dunlin {
namespace {

// Every code point but the surrogates is written, and read back alone and between others.
TEST(Utf8, EveryCodePoint) {
  for (uint32_t code = 0; code <= 0x10ffff; ++code) {
    std::string text = "a";
    append_utf8(text, code);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    const auto read = code_point_at(text, 1);
    ASSERT_EQ(read.has_value(), !surrogate) << code;
    ASSERT_EQ(is_utf8(text + "a"), !surrogate) << code;
    if (read) ASSERT_TRUE(read->code == code && read->bytes == text.size() - 1) << code;
  }
}

// All sequences of two and three bytes, against the table of well-formed ones in RFC 3629.
TEST(Utf8, OnlyWellFormedSequencesAreCharacters) {
  const auto in = [](int x, int from, int to) { return x >= from && x <= to; };
  for (int a = 0x80; a < 0x100; ++a)
    for (int b = 0; b < 0x100; ++b) {
      const char two[] = {static_cast<char>(a), static_cast<char>(b)};
      EXPECT_EQ(is_utf8({two, 2}), in(a, 0xc2, 0xdf) && in(b, 0x80, 0xbf)) << a << " " << b;
      const char three[] = {two[0], two[1], '\x80'};
      const bool second = a == 0xe0   ? in(b, 0xa0, 0xbf)
                          : a == 0xed ? in(b, 0x80, 0x9f)
                                      : in(a, 0xe1, 0xef) && in(b, 0x80, 0xbf);
      EXPECT_EQ(is_utf8({three, 3}), second) << a << " " << b;
      const char four[] = {two[0], two[1], '\x80', '\xbf'};
      const bool plane = a == 0xf0   ? in(b, 0x90, 0xbf)
                         : a == 0xf4 ? in(b, 0x80, 0x8f)
                                     : in(a, 0xf1, 0xf3) && in(b, 0x80, 0xbf);
      EXPECT_EQ(is_utf8({four, 4}), plane) << a << " " << b;
    }
  for (const char* bad : {"\xff", "a\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x90", "\xf8\x88\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace dunlin
