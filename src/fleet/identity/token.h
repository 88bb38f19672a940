// The enrolment token: all that a device needs to find its fleet and to trust nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/random.h"

namespace dunlin::fleet {

using TokenSecret = std::array<std::byte, 32>;

struct Token {
  std::string host;  // the coordinator, as devices dial it
  uint16_t fleet_port = 0;
  uint16_t enrolment_port = 0;
  Sha256 authority_fingerprint{};  // SHA-256 of the authority's certificate (DER)
  TokenSecret secret{};

  bool operator==(const Token&) const = default;
};

TokenSecret draw_token_secret(SecureRandom& random);

/// URL-safe base64 of: version (1 byte, 1), fingerprint (32), secret (32), fleet port and enrolment port (2
/// each, little-endian), host (the rest), and the first four bytes of the SHA-256 of all that.
std::string to_text(const Token& token);
/// White space around the text is ignored. kInvalidArgument, never repeating the secret, when the token is
/// damaged or of a version that this program does not know.
Token parse_token(std::string_view text);

/// What a user gave as a token: the text itself, or @FILE for one that should not stand in a command line, where
/// every user of the machine can read it. kNotFound when there is no such file.
std::string token_text(const std::string& given, FileSystem& files);

}  // namespace dunlin::fleet
