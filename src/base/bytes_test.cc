#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace dunlin {
namespace {

TEST(Bytes, Sha256VectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256Stream stream;
  stream.update(as_bytes("a"));
  stream.update(as_bytes("bc"));
  EXPECT_EQ(stream.finish(), sha256(as_bytes("abc")));
}

TEST(Bytes, Base64UrlVectorsOfRfc4648) {
  EXPECT_EQ(to_base64url(as_bytes("foob")), "Zm9vYg");
  EXPECT_EQ(to_base64url(as_bytes("\xfb\xff")), "-_8");
  EXPECT_EQ(as_chars(from_base64url("Zm9vYmE")), "fooba");
  EXPECT_THROW(from_base64url("Zm9vYmE="), Error);
  EXPECT_THROW(from_base64url("Z m"), Error);
}

TEST(Bytes, HexRoundTripAndRefusal) {
  EXPECT_EQ(to_hex(from_hex("00fF10")), "00ff10");
  EXPECT_THROW(from_hex("0"), Error);
  EXPECT_THROW(from_hex("0g"), Error);
}

TEST(Bytes, HumanBytes) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1600000), "1.6 MB");
  EXPECT_EQ(human_bytes(16000000), "16 MB");
}

}  // namespace
}  // namespace dunlin
