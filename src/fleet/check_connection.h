// "Why does this device not reach its fleet?": what `dunlin device --check` tests of the network, step by
// step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "fleet/identity/device_identity.h"
#include "fleet/identity/token.h"
#include "fleet/transport/proxy.h"

namespace dunlin::fleet {

enum class CheckOutcome { kPassed, kFailed, kSkipped };
std::string_view to_string(CheckOutcome outcome);  // "passed", "failed", "skipped"

struct CheckResult {
  std::string name;  // proxy, name, enrolment_port, fleet_port, clock, fleet, wire_version, certificate
  CheckOutcome outcome = CheckOutcome::kPassed;
  std::string detail;  // what was found
  std::string remedy;  // what to ask for, and whom; empty when passed
};

/// Before enrolment there is a token, afterwards an identity; the token may be absent then.
struct CheckTarget {
  HostPort enrolment;
  HostPort fleet;
  Sha256 authority_fingerprint{};
  std::optional<TlsIdentity> device;
};
CheckTarget check_target(const Token& token);
CheckTarget check_target(const DeviceIdentity& identity);

/// Runs every check, each for itself; a check that needs one that failed is skipped and says so. Sends no
/// secret and changes nothing. Takes seconds, at worst about `timeout_ms` per check.
std::vector<CheckResult> check_connection(const CheckTarget& target, const ProxySettings& proxy, Clock& clock,
                                          int64_t timeout_ms = 5'000);

}  // namespace dunlin::fleet
