// The fleet's certificate authority: who is the coordinator, and which key is which device.
//
// One authority is one fleet. Its id is in every certificate; a device's id is derived from its public key,
// so that enrolling twice with one key is the same device.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "fleet/identity/openssl.h"

namespace dunlin::fleet {

/// A private key, its certificate, and the authority that signed it, as PEM: what a TLS peer presents.
struct TlsIdentity {
  std::string key_pem;
  std::string certificate_pem;
  std::string authority_pem;
};

/// "3f9c...": 32 hexadecimal digits of the SHA-256 of the public key (SubjectPublicKeyInfo, DER).
std::string device_id_of_key(ByteSpan public_key_der);
/// "dunlin://FLEET/device/DEVICE": the name inside a device's certificate.
std::string device_uri(const std::string& fleet_id, const std::string& device_id);

/// Throws kInvalidArgument unless `host` is a DNS name or an IP address.
void check_host_name(const std::string& host);

/// Thread safe after construction.
class Authority {
 public:
  /// Makes key and certificate in DIR/ca (folder 0700, key 0600). kFailedPrecondition when there already is
  /// one.
  static Authority create(const std::string& dir, FileSystem& files, Clock& clock);
  /// kNotFound when DIR holds no fleet; kCorrupt when key and certificate do not belong together.
  static Authority load(const std::string& dir, FileSystem& files);

  const Certificate& certificate() const { return certificate_; }
  const std::string& fleet_id() const { return fleet_id_; }

  /// A fresh key with a certificate for these names; DNS names and IP addresses.
  TlsIdentity issue_server(const std::vector<std::string>& hosts, int64_t valid_days, Clock& clock) const;
  /// A certificate for the key of a signing request (see public_key_of_request).
  Certificate issue_device(EVP_PKEY* public_key, int64_t valid_days, Clock& clock) const;

 private:
  Authority(PrivateKey key, Certificate certificate);
  PrivateKey key_;
  Certificate certificate_;
  std::string fleet_id_;
};

/// The coordinator's identity in DIR (key 0600), made by init_fleet. With less than a third of its time left
/// it is issued anew, so that a coordinator that is restarted now and then never expires.
TlsIdentity load_coordinator_identity(const std::string& dir, const Authority& authority,
                                      const std::vector<std::string>& hosts, int64_t valid_days,
                                      FileSystem& files, Clock& clock);

}  // namespace dunlin::fleet
