// Bytes: hashing, text encodings, little-endian access.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dunlin {

using ByteSpan = std::span<const std::byte>;
using Bytes = std::vector<std::byte>;

inline ByteSpan as_bytes(std::string_view s) { return std::as_bytes(std::span(s.data(), s.size())); }
inline std::string_view as_chars(ByteSpan b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

/// SHA-256 (FIPS 180-4), 32 bytes.
using Sha256 = std::array<std::byte, 32>;
Sha256 sha256(ByteSpan data);

/// SHA-256 over pieces, for files larger than memory.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void update(ByteSpan data);
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(ByteSpan data);
/// Lower or upper case; throws kInvalidArgument on anything else.
Bytes from_hex(std::string_view hex);
/// URL-safe base64 without padding (RFC 4648 section 5).
std::string to_base64url(ByteSpan data);
Bytes from_base64url(std::string_view text);

/// Reads or writes a trivially copyable little-endian value; every supported machine is little-endian.
template <typename T>
T load_le(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
void store_le(std::byte* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

/// "1.6 MB": decimal units, for people.
std::string human_bytes(uint64_t bytes);

}  // namespace dunlin
