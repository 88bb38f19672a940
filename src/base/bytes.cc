#include "base/bytes.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <memory>

#include "base/error.h"

namespace dunlin {

namespace {
const unsigned char* u8(const std::byte* p) { return reinterpret_cast<const unsigned char*>(p); }
unsigned char* u8(std::byte* p) { return reinterpret_cast<unsigned char*>(p); }
}  // namespace

// Hashing is OpenSSL's: it uses the processor's SHA instructions, which libsodium does not (4x on whole
// models).
struct Sha256Stream::State {
  struct Free {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256 sha256(ByteSpan data) {
  Sha256 out;
  DUNLIN_CHECK(EVP_Digest(data.data(), data.size(), u8(out.data()), nullptr, EVP_sha256(), nullptr) == 1);
  return out;
}

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  DUNLIN_CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
void Sha256Stream::update(ByteSpan data) {
  DUNLIN_CHECK(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()) == 1);
}
Sha256 Sha256Stream::finish() {
  Sha256 out;
  DUNLIN_CHECK(EVP_DigestFinal_ex(state_->context.get(), u8(out.data()), nullptr) == 1);
  return out;
}

std::string to_hex(ByteSpan data) {
  std::string out(data.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), u8(data.data()), data.size());
  out.pop_back();
  return out;
}

Bytes from_hex(std::string_view hex) {
  Bytes out(hex.size() / 2);
  size_t length = 0;
  if (hex.size() % 2 != 0 ||
      sodium_hex2bin(u8(out.data()), out.size(), hex.data(), hex.size(), nullptr, &length, nullptr) != 0 ||
      length != out.size())
    fail(ErrorCode::kInvalidArgument, "not a hexadecimal string: \"{}\"", hex.substr(0, 80));
  return out;
}

std::string to_base64url(ByteSpan data) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string out(sodium_base64_ENCODED_LEN(data.size(), kVariant), '\0');
  sodium_bin2base64(out.data(), out.size(), u8(data.data()), data.size(), kVariant);
  out.resize(std::strlen(out.c_str()));
  return out;
}

Bytes from_base64url(std::string_view text) {
  Bytes out(text.size() * 3 / 4 + 3);
  size_t length = 0;
  const char* end = nullptr;
  if (sodium_base642bin(u8(out.data()), out.size(), text.data(), text.size(), nullptr, &length, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size())
    fail(ErrorCode::kInvalidArgument, "not URL-safe base64: \"{}\"", text.substr(0, 40));
  out.resize(length);
  return out;
}

std::string human_bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 999.5 && unit < 5) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes)
                   : fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

}  // namespace dunlin
