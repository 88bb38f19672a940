// Keys and certificates: the little of OpenSSL that a fleet needs, with our errors and owners.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace dunlin::fleet {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;

/// Throws Error{code, "what: OpenSSL's first reason"} and empties OpenSSL's queue of errors.
[[noreturn]] void fail_openssl(ErrorCode code, std::string_view what);

/// An ECDSA key on NIST P-256. The private half leaves only through pem().
class PrivateKey {
 public:
  static PrivateKey generate();
  /// `where` names the file in errors; kCorrupt unless it is an unencrypted P-256 key.
  static PrivateKey from_pem(std::string_view pem, std::string_view where);

  std::string pem() const;
  /// SubjectPublicKeyInfo, DER.
  Bytes public_key_der() const;
  EVP_PKEY* get() const { return key_.get(); }

 private:
  explicit PrivateKey(KeyPtr key) : key_(std::move(key)) {}
  KeyPtr key_;
};

class Certificate {
 public:
  explicit Certificate(X509Ptr certificate) : x509_(std::move(certificate)) {}
  /// The first certificate of a PEM text; kCorrupt when there is none.
  static Certificate from_pem(std::string_view pem, std::string_view where);
  Certificate(const Certificate& other);
  Certificate& operator=(const Certificate& other);
  Certificate(Certificate&&) = default;
  Certificate& operator=(Certificate&&) = default;

  std::string pem() const;
  Bytes der() const;
  /// SHA-256 of the DER bytes.
  Sha256 fingerprint() const;
  std::string common_name() const;
  /// The subject's organisation: the fleet's id in every certificate of ours.
  std::string organization() const;
  /// Milliseconds since 1970-01-01 UTC.
  int64_t not_before_ms() const;
  int64_t not_after_ms() const;
  bool is_authority() const;
  /// Whether `host`, a DNS name or an IP address, is among the names.
  bool names_host(const std::string& host) const;
  /// SubjectPublicKeyInfo, DER.
  Bytes public_key_der() const;
  X509* get() const { return x509_.get(); }

 private:
  X509Ptr x509_;
};

enum class Purpose { kServer, kClient };

/// Empty when `leaf` was signed by `authority`, is valid at `now_ms`, and may serve the purpose; else the
/// reason.
std::string why_not_trusted(const Certificate& leaf, const Certificate& authority, Purpose purpose,
                            int64_t now_ms);

/// PKCS #10 request with the key's public half, signed by it (which proves that the sender holds it); DER.
Bytes make_signing_request(const PrivateKey& key);
/// The public key of a request. kInvalidArgument unless it is well formed, P-256, and signed by that key.
KeyPtr public_key_of_request(ByteSpan csr_der);

Bytes public_key_der(EVP_PKEY* key);

}  // namespace dunlin::fleet
