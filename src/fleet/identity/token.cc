#include "fleet/identity/token.h"

#include <algorithm>

#include "base/error.h"
#include "fleet/identity/authority.h"

namespace dunlin::fleet {

namespace {
constexpr std::byte kTokenVersion{1};
constexpr size_t kChecksumBytes = 4;
constexpr size_t kHostOffset = 1 + 32 + 32 + 2 + 2;
constexpr size_t kMaxTextBytes = 1024;

[[noreturn]] void fail_token(std::string_view what) {
  fail(ErrorCode::kInvalidArgument,
       "enrolment token: {}; copy it whole, as \"dunlin fleet token\" printed it", what);
}
}  // namespace

TokenSecret draw_token_secret(SecureRandom& random) {
  TokenSecret secret;
  random.fill(secret);
  return secret;
}

std::string to_text(const Token& token) {
  check_host_name(token.host);
  Bytes out(kHostOffset + token.host.size());
  out[0] = kTokenVersion;
  std::copy(token.authority_fingerprint.begin(), token.authority_fingerprint.end(), out.begin() + 1);
  std::copy(token.secret.begin(), token.secret.end(), out.begin() + 33);
  store_le(out.data() + 65, token.fleet_port);
  store_le(out.data() + 67, token.enrolment_port);
  std::copy_n(as_bytes(token.host).begin(), token.host.size(), out.begin() + kHostOffset);
  const Sha256 sum = sha256(out);
  out.insert(out.end(), sum.begin(), sum.begin() + kChecksumBytes);
  return to_base64url(out);
}

Token parse_token(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  if (text.empty()) fail_token("it is empty");
  if (text.size() > kMaxTextBytes) fail_token(fmt::format("{} characters are too many", text.size()));
  Bytes data;
  try {
    data = from_base64url(text);
  } catch (const Error&) {  // whose message would repeat a part of the secret
    fail_token("it has characters that no token has");
  }
  if (data.size() <= kHostOffset + kChecksumBytes) fail_token("it is cut short");
  const ByteSpan body = ByteSpan(data).first(data.size() - kChecksumBytes);
  const Sha256 sum = sha256(body);
  if (!std::equal(sum.begin(), sum.begin() + kChecksumBytes, body.end())) fail_token("it is damaged");
  if (body[0] != kTokenVersion)
    fail(ErrorCode::kUnsupported, "enrolment token: version {}, this program knows version {}: upgrade it",
         static_cast<int>(body[0]), static_cast<int>(kTokenVersion));

  Token token;
  std::copy_n(body.begin() + 1, 32, token.authority_fingerprint.begin());
  std::copy_n(body.begin() + 33, 32, token.secret.begin());
  token.fleet_port = load_le<uint16_t>(body.data() + 65);
  token.enrolment_port = load_le<uint16_t>(body.data() + 67);
  token.host = as_chars(body.subspan(kHostOffset));
  check_host_name(token.host);
  if (token.fleet_port == 0 || token.enrolment_port == 0) fail_token("it names port 0");
  return token;
}

std::string token_text(const std::string& given, FileSystem& files) {
  if (!given.starts_with('@')) return given;
  return std::string(as_chars(files.read(given.substr(1), kMaxTextBytes)));
}

}  // namespace dunlin::fleet
