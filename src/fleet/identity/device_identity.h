// Who a device is in its fleet. The key is made on the device and never leaves it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "base/clock.h"
#include "base/file_system.h"
#include "fleet/identity/authority.h"
#include "fleet/identity/token.h"
#include "fleet/transport/proxy.h"

namespace dunlin::fleet {

struct DeviceIdentity {
  std::string device_id;
  std::string fleet_id;
  HostPort coordinator;  // the fleet port
  uint16_t enrolment_port = 0;
  TlsIdentity tls;
  int64_t issued_ms = 0;
  int64_t expires_ms = 0;

  /// In the last third of its certificate's time.
  bool should_renew(int64_t now_ms) const { return (expires_ms - now_ms) * 3 < expires_ms - issued_ms; }
};

/// From STATE; none before enrolment. kCorrupt when the files contradict each other.
std::optional<DeviceIdentity> load_device_identity(const std::string& state_dir, FileSystem& files);

/// Enrols with a token and saves the identity in STATE (key 0600). Trusts nothing but the token's
/// fingerprint: the secret goes out only after the coordinator has proved that this authority signed it. A
/// repeated call is harmless: with the same key nothing is spent, and where STATE already holds a valid
/// identity in this fleet that one is returned. kFailedPrecondition when STATE belongs to another fleet;
/// kPermissionDenied, with what to do, when the token or the coordinator is refused; kUnavailable when it
/// cannot be reached.
DeviceIdentity enroll(const Token& token, const std::string& state_dir, const ProxySettings& proxy,
                      FileSystem& files, Clock& clock);

/// A new certificate for the same key, over a channel opened with the old one; saved in STATE.
DeviceIdentity renew(const DeviceIdentity& identity, const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& state_dir, FileSystem& files);

/// The authority among the certificates that a server presented, if the fingerprint is its and the server's
/// own certificate is signed by it, valid now, and names the host. kPermissionDenied otherwise.
Certificate trusted_authority(const std::vector<Certificate>& presented, const Sha256& fingerprint,
                              const std::string& host, int64_t now_ms);

}  // namespace dunlin::fleet
