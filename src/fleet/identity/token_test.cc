#include "fleet/identity/token.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/random.h"
#include "fleet/test_support.h"

namespace dunlin::fleet {
namespace {

Token sample() {
  Token token{.host = "fleet.example.com", .fleet_port = 8443, .enrolment_port = 8444};
  for (size_t i = 0; i < 32; ++i) {
    token.authority_fingerprint[i] = std::byte(i);
    token.secret[i] = std::byte(0xff - i);
  }
  return token;
}

TEST(Token, RoundTrip) {
  for (const char* host : {"fleet.example.com", "localhost", "192.0.2.7", "2001:db8::1"}) {
    Token token = sample();
    token.host = host;
    EXPECT_EQ(parse_token("  \n" + to_text(token) + "\r\n"), token);
  }
}

// Golden bytes, put together by hand from the layout in the header (Python's hashlib and base64).
TEST(Token, TextIsFixed) {
  EXPECT_EQ(
      to_text(sample()),
      "AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eD7IPwgZmxlZXQu"
      "ZXhhbXBsZS5jb23c3H_R");
}

TEST(Token, EveryDamageIsRefusedWithoutRepeatingTheSecret) {
  const std::string text = to_text(sample());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string message, damaged = text;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(code_of([&] { parse_token(damaged); }, &message), ErrorCode::kInvalidArgument) << i;
    EXPECT_EQ(code_of([&] { parse_token(text.substr(0, i)); }, &message), ErrorCode::kInvalidArgument) << i;
    EXPECT_EQ(message.find(text.substr(44, 6)), std::string::npos) << message;
  }
  EXPECT_EQ(code_of([&] { parse_token(text + "!"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { parse_token(std::string(1 << 20, 'A')); }), ErrorCode::kInvalidArgument);
}

TEST(Token, RandomBytesNeverPassNorCrash) {
  Philox random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random.below(200), '\0');
    for (char& c : text) c = static_cast<char>(random.next_u32());
    EXPECT_THROW(parse_token(text), Error);
    Bytes bytes(random.below(150));
    for (std::byte& b : bytes) b = std::byte(random.next_u32());
    EXPECT_THROW(parse_token(to_base64url(bytes)), Error);
  }
}

// With a right checksum, what is inside is still not trusted.
TEST(Token, HostAndPortsAreChecked) {
  const auto with_checksum = [](Bytes body) {
    const Sha256 sum = sha256(body);
    body.insert(body.end(), sum.begin(), sum.begin() + 4);
    return to_base64url(body);
  };
  const Bytes whole = from_base64url(to_text(sample()));
  ASSERT_GT(whole.size(), 4u);
  const Bytes body(whole.begin(), whole.end() - 4);
  EXPECT_EQ(parse_token(with_checksum(body)), sample());
  Bytes bad_host = body;
  bad_host.back() = std::byte{'/'};
  EXPECT_EQ(code_of([&] { parse_token(with_checksum(bad_host)); }), ErrorCode::kInvalidArgument);
  Bytes no_port = body;
  no_port[65] = no_port[66] = std::byte{0};
  EXPECT_EQ(code_of([&] { parse_token(with_checksum(no_port)); }), ErrorCode::kInvalidArgument);
  Bytes next_version = body;
  next_version[0] = std::byte{2};
  EXPECT_EQ(code_of([&] { parse_token(with_checksum(next_version)); }), ErrorCode::kUnsupported);
}

TEST(Token, MayLieInAFile) {
  const TemporaryFolder folder;
  const std::string text = to_text(sample());
  system_files().write_atomic(folder.file("token"), as_bytes(text + "\n"), 0600);
  EXPECT_EQ(token_text(text, system_files()), text);
  EXPECT_EQ(parse_token(token_text("@" + folder.file("token"), system_files())), sample());
  EXPECT_EQ(code_of([&] { token_text("@" + folder.file("none"), system_files()); }), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace dunlin::fleet
