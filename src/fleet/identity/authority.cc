#include "fleet/identity/authority.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace dunlin::fleet {

namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

constexpr int64_t kDaySeconds = 24 * 60 * 60;
constexpr int64_t kAuthorityDays = 3650;
// Devices whose clock is slow by up to an hour may still connect.
constexpr int64_t kBackdateSeconds = 60 * 60;
constexpr uint64_t kMaxPemBytes = 64 * 1024;

bool is_ip_address(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

void require(bool ok, const char* what) {
  if (!ok) fail_openssl(ErrorCode::kInternal, what);
}

void add_name(X509* x, int nid, const std::string& value) {
  require(X509_NAME_add_entry_by_NID(X509_get_subject_name(x), nid, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1,
          "naming a certificate");
}

struct Extension {
  int nid;
  std::string value;  // in the syntax of x509v3_config(5)
};

// `signer` is null for a self-signed certificate.
Certificate issue(EVP_PKEY* public_key, const std::string& common_name, const std::string& fleet_id,
                  const std::vector<Extension>& extensions, int64_t valid_days, Clock& clock,
                  const Certificate* signer, EVP_PKEY* signing_key) {
  X509Ptr x(X509_new());
  require(x && X509_set_version(x.get(), X509_VERSION_3) == 1 && X509_set_pubkey(x.get(), public_key) == 1,
          "making a certificate");
  std::array<unsigned char, 16> serial{};
  require(RAND_bytes(serial.data(), serial.size()) == 1, "drawing a serial number");
  serial[0] &= 0x7f;  // a serial number is positive
  const NumberPtr number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x.get())) != nullptr,
          "numbering a certificate");

  const int64_t now_s = clock.now_ms() / 1000;
  require(ASN1_TIME_set(X509_getm_notBefore(x.get()), now_s - kBackdateSeconds) != nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(x.get()), now_s + valid_days * kDaySeconds) != nullptr,
          "dating a certificate");
  add_name(x.get(), NID_organizationName, fleet_id);
  add_name(x.get(), NID_commonName, common_name);
  X509* issuer = signer ? signer->get() : x.get();
  require(X509_set_issuer_name(x.get(), X509_get_subject_name(issuer)) == 1, "naming an issuer");

  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x.get(), nullptr, nullptr, 0);
  for (const Extension& extension : extensions) {
    const ExtensionPtr e(X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value.c_str()));
    require(e && X509_add_ext(x.get(), e.get(), -1) == 1, "extending a certificate");
  }
  require(X509_sign(x.get(), signing_key, EVP_sha256()) > 0, "signing a certificate");
  return Certificate(std::move(x));
}

std::string leaf_names(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    check_host_name(host);  // which also keeps commas and colons out of the extension's syntax
    names += fmt::format("{}{}:{}", names.empty() ? "" : ",", is_ip_address(host) ? "IP" : "DNS", host);
  }
  return names;
}

std::string ca_key_path(const std::string& dir) { return join_path(dir, "ca/ca.key.pem"); }
std::string ca_certificate_path(const std::string& dir) { return join_path(dir, "ca/ca.cert.pem"); }

std::string read_text(FileSystem& files, const std::string& path) {
  return std::string(as_chars(files.read(path, kMaxPemBytes)));
}

}  // namespace

std::string device_id_of_key(ByteSpan public_key_der) {
  return to_hex(ByteSpan(sha256(public_key_der)).first(16));
}

std::string device_uri(const std::string& fleet_id, const std::string& device_id) {
  return fmt::format("dunlin://{}/device/{}", fleet_id, device_id);
}

void check_host_name(const std::string& host) {
  if (is_ip_address(host)) return;
  bool sound = !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.';
  size_t label = 0;
  for (size_t i = 0; i < host.size() && sound; ++i) {
    const char c = host[i];
    if (c == '.') {
      sound = label > 0;
      label = 0;
    } else {
      sound = (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') && ++label <= 63;
    }
  }
  if (!sound)
    fail(ErrorCode::kInvalidArgument,
         "host \"{}\": a DNS name or an IP address is expected, such as fleet.example.com or 192.0.2.7",
         host.substr(0, 80));
}

Authority::Authority(PrivateKey key, Certificate certificate)
    : key_(std::move(key)), certificate_(std::move(certificate)), fleet_id_(certificate_.organization()) {}

Authority Authority::create(const std::string& dir, FileSystem& files, Clock& clock) {
  if (files.exists(ca_key_path(dir)) || files.exists(ca_certificate_path(dir)))
    fail(ErrorCode::kFailedPrecondition, "{}: already holds a fleet's authority; choose another folder", dir);
  std::array<unsigned char, 16> id{};
  require(RAND_bytes(id.data(), id.size()) == 1, "drawing a fleet id");
  const std::string fleet_id = to_hex(std::as_bytes(std::span(id)));
  PrivateKey key = PrivateKey::generate();
  Certificate certificate = issue(key.get(), "Dunlin fleet " + fleet_id.substr(0, 8), fleet_id,
                                  {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                   {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                   {NID_subject_key_identifier, "hash"}},
                                  kAuthorityDays, clock, nullptr, key.get());
  files.make_directories(dir, 0700);
  files.make_directories(join_path(dir, "ca"), 0700);
  files.write_atomic(ca_key_path(dir), as_bytes(key.pem()), 0600);
  files.write_atomic(ca_certificate_path(dir), as_bytes(certificate.pem()));
  return Authority(std::move(key), std::move(certificate));
}

Authority Authority::load(const std::string& dir, FileSystem& files) {
  const std::string key_path = ca_key_path(dir);
  const std::string certificate_path = ca_certificate_path(dir);
  if (!files.exists(key_path) || !files.exists(certificate_path))
    fail(ErrorCode::kNotFound, "{}: holds no fleet; make one with: dunlin fleet init {} --host NAME", dir,
         dir);
  Authority authority(PrivateKey::from_pem(read_text(files, key_path), key_path),
                      Certificate::from_pem(read_text(files, certificate_path), certificate_path));
  if (authority.key_.public_key_der() != authority.certificate_.public_key_der() ||
      !authority.certificate_.is_authority() || authority.fleet_id_.empty())
    fail(ErrorCode::kCorrupt, "{} and {} do not belong together", key_path, certificate_path);
  return authority;
}

TlsIdentity Authority::issue_server(const std::vector<std::string>& hosts, int64_t valid_days,
                                    Clock& clock) const {
  const PrivateKey key = PrivateKey::generate();
  const Certificate certificate = issue(key.get(), "coordinator", fleet_id_,
                                        {{NID_basic_constraints, "critical,CA:FALSE"},
                                         {NID_key_usage, "critical,digitalSignature"},
                                         {NID_ext_key_usage, "serverAuth"},
                                         {NID_subject_alt_name, leaf_names(hosts)},
                                         {NID_subject_key_identifier, "hash"},
                                         {NID_authority_key_identifier, "keyid:always"}},
                                        valid_days, clock, &certificate_, key_.get());
  return {key.pem(), certificate.pem(), certificate_.pem()};
}

Certificate Authority::issue_device(EVP_PKEY* public_key, int64_t valid_days, Clock& clock) const {
  const std::string device_id = device_id_of_key(public_key_der(public_key));
  return issue(public_key, device_id, fleet_id_,
               {{NID_basic_constraints, "critical,CA:FALSE"},
                {NID_key_usage, "critical,digitalSignature"},
                {NID_ext_key_usage, "clientAuth"},
                {NID_subject_alt_name, "URI:" + device_uri(fleet_id_, device_id)},
                {NID_subject_key_identifier, "hash"},
                {NID_authority_key_identifier, "keyid:always"}},
               valid_days, clock, &certificate_, key_.get());
}

TlsIdentity load_coordinator_identity(const std::string& dir, const Authority& authority,
                                      const std::vector<std::string>& hosts, int64_t valid_days,
                                      FileSystem& files, Clock& clock) {
  const std::string key_path = join_path(dir, "coordinator.key.pem");
  const std::string certificate_path = join_path(dir, "coordinator.cert.pem");
  if (files.exists(key_path) && files.exists(certificate_path)) {
    TlsIdentity identity{read_text(files, key_path), read_text(files, certificate_path),
                         authority.certificate().pem()};
    const PrivateKey key = PrivateKey::from_pem(identity.key_pem, key_path);
    const Certificate certificate = Certificate::from_pem(identity.certificate_pem, certificate_path);
    const bool pair = key.public_key_der() == certificate.public_key_der();
    const bool named =
        std::all_of(hosts.begin(), hosts.end(), [&](const auto& h) { return certificate.names_host(h); });
    const int64_t left_ms = certificate.not_after_ms() - clock.now_ms();
    if (pair && named && left_ms * 3 > certificate.not_after_ms() - certificate.not_before_ms() &&
        why_not_trusted(certificate, authority.certificate(), Purpose::kServer, clock.now_ms()).empty())
      return identity;
  }
  TlsIdentity fresh = authority.issue_server(hosts, valid_days, clock);
  files.write_atomic(key_path, as_bytes(fresh.key_pem), 0600);
  files.write_atomic(certificate_path, as_bytes(fresh.certificate_pem));
  return fresh;
}

}  // namespace dunlin::fleet
