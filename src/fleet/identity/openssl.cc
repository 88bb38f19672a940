#include "fleet/identity/openssl.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

namespace dunlin::fleet {

namespace {

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using RequestPtr = std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;

constexpr size_t kMaxRequestBytes = 4096;  // a P-256 request is about 200

BioPtr memory_bio() {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio) fail_openssl(ErrorCode::kInternal, "memory");
  return bio;
}

BioPtr memory_bio(std::string_view text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) fail_openssl(ErrorCode::kInternal, "memory");
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

template <typename T>
Bytes to_der(int (*encode)(const T*, unsigned char**), const T* object) {
  unsigned char* raw = nullptr;
  const int size = encode(object, &raw);
  if (size < 0) fail_openssl(ErrorCode::kInternal, "DER");
  const std::unique_ptr<unsigned char, decltype([](unsigned char* p) { OPENSSL_free(p); })> owner(raw);
  const auto* first = reinterpret_cast<const std::byte*>(raw);
  return Bytes(first, first + size);
}

// An encrypted key must give an error, never a prompt on the terminal.
int no_password(char*, int, int, void*) { return -1; }

bool is_p256(EVP_PKEY* key) {
  char group[64] = {};
  size_t length = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &length) == 1 &&
         std::string_view(group, length) == SN_X9_62_prime256v1;
}

std::string subject_entry(X509* certificate, int nid) {
  char text[256] = {};
  const int n = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), nid, text, sizeof text);
  return n < 0 ? std::string() : std::string(text, static_cast<size_t>(n));
}

int64_t to_ms(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) fail(ErrorCode::kCorrupt, "certificate: its validity is not a time");
  return static_cast<int64_t>(timegm(&utc)) * 1000;
}

}  // namespace

void fail_openssl(ErrorCode code, std::string_view what) {
  char reason[256] = "no reason given";
  if (const unsigned long error = ERR_get_error(); error != 0)
    ERR_error_string_n(error, reason, sizeof reason);
  ERR_clear_error();
  fail(code, "{}: {}", what, static_cast<const char*>(reason));
}

PrivateKey PrivateKey::generate() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) fail_openssl(ErrorCode::kInternal, "making a P-256 key");
  return PrivateKey(std::move(key));
}

PrivateKey PrivateKey::from_pem(std::string_view pem, std::string_view where) {
  KeyPtr key(PEM_read_bio_PrivateKey(memory_bio(pem).get(), nullptr, no_password, nullptr));
  if (!key) fail_openssl(ErrorCode::kCorrupt, fmt::format("{}: not a private key in PEM", where));
  if (!is_p256(key.get())) fail(ErrorCode::kCorrupt, "{}: not a P-256 key", where);
  return PrivateKey(std::move(key));
}

std::string PrivateKey::pem() const {
  const BioPtr bio = memory_bio();
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    fail_openssl(ErrorCode::kInternal, "writing a private key");
  return text_of(bio.get());
}

Bytes PrivateKey::public_key_der() const { return fleet::public_key_der(key_.get()); }

Bytes public_key_der(EVP_PKEY* key) { return to_der<EVP_PKEY>(i2d_PUBKEY, key); }

Certificate Certificate::from_pem(std::string_view pem, std::string_view where) {
  X509Ptr x509(PEM_read_bio_X509(memory_bio(pem).get(), nullptr, no_password, nullptr));
  if (!x509) fail_openssl(ErrorCode::kCorrupt, fmt::format("{}: not a certificate in PEM", where));
  return Certificate(std::move(x509));
}

Certificate::Certificate(const Certificate& other) : x509_(other.get()) { X509_up_ref(other.get()); }
Certificate& Certificate::operator=(const Certificate& other) {
  X509_up_ref(other.get());
  x509_.reset(other.get());
  return *this;
}

std::string Certificate::pem() const {
  const BioPtr bio = memory_bio();
  if (PEM_write_bio_X509(bio.get(), x509_.get()) != 1)
    fail_openssl(ErrorCode::kInternal, "writing a certificate");
  return text_of(bio.get());
}

Bytes Certificate::der() const { return to_der<X509>(i2d_X509, x509_.get()); }
Sha256 Certificate::fingerprint() const { return sha256(der()); }
std::string Certificate::common_name() const { return subject_entry(x509_.get(), NID_commonName); }
std::string Certificate::organization() const { return subject_entry(x509_.get(), NID_organizationName); }
int64_t Certificate::not_before_ms() const { return to_ms(X509_get0_notBefore(x509_.get())); }
int64_t Certificate::not_after_ms() const { return to_ms(X509_get0_notAfter(x509_.get())); }
bool Certificate::is_authority() const { return X509_check_ca(x509_.get()) == 1; }
Bytes Certificate::public_key_der() const { return fleet::public_key_der(X509_get0_pubkey(x509_.get())); }

bool Certificate::names_host(const std::string& host) const {
  in6_addr address;
  const bool is_ip =
      inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
  return (is_ip ? X509_check_ip_asc(x509_.get(), host.c_str(), 0)
                : X509_check_host(x509_.get(), host.data(), host.size(), 0, nullptr)) == 1;
}

std::string why_not_trusted(const Certificate& leaf, const Certificate& authority, Purpose purpose,
                            int64_t now_ms) {
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_add_cert(store.get(), authority.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) != 1)
    fail_openssl(ErrorCode::kInternal, "checking a certificate");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, now_ms / 1000);
  X509_VERIFY_PARAM_set_purpose(
      parameters, purpose == Purpose::kServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  std::string reason;
  if (X509_verify_cert(context.get()) != 1)
    reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  ERR_clear_error();
  return reason;
}

Bytes make_signing_request(const PrivateKey& key) {
  const RequestPtr request(X509_REQ_new());
  if (!request || X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0)
    fail_openssl(ErrorCode::kInternal, "making a certificate signing request");
  return to_der<X509_REQ>(i2d_X509_REQ, request.get());
}

KeyPtr public_key_of_request(ByteSpan csr_der) {
  const auto* p = reinterpret_cast<const unsigned char*>(csr_der.data());
  const auto* end = p + csr_der.size();
  RequestPtr request;
  if (csr_der.size() <= kMaxRequestBytes)
    request.reset(d2i_X509_REQ(nullptr, &p, static_cast<long>(csr_der.size())));
  KeyPtr key;
  if (request && p == end) key.reset(X509_REQ_get_pubkey(request.get()));
  const bool sound = key && is_p256(key.get()) && X509_REQ_verify(request.get(), key.get()) == 1;
  ERR_clear_error();
  if (!sound)
    fail(ErrorCode::kInvalidArgument,
         "certificate signing request ({} bytes): not a PKCS #10 request signed by its own P-256 key",
         csr_der.size());
  return key;
}

}  // namespace dunlin::fleet
