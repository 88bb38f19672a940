// Making a fleet and its tokens: what `dunlin fleet init` and `dunlin fleet token` do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "fleet/config.h"

namespace dunlin::fleet {

/// The names in the coordinator's certificate: the host, and the loopback names when it listens there.
std::vector<std::string> certificate_hosts(const FleetConfig::Network& network);

/// The ports that the coordinator really has: it saves them when it listens, and takes the same ones after a
/// restart where the configuration says 0.
struct BoundPorts {
  uint16_t fleet = 0;
  uint16_t enrolment = 0;
};
void save_bound_ports(const std::string& dir, BoundPorts ports, FileSystem& files);
/// The configured ports; where they are 0 the saved ones, or 0 when it never listened.
BoundPorts known_ports(const std::string& dir, const FleetConfig& config, FileSystem& files);

/// Makes a fleet in DIR: authority, coordinator's key and certificate, fleet.toml. `listen` is ADDRESS or
/// ADDRESS:PORT (the enrolment port is the next one; 0 makes both free). kFailedPrecondition when DIR already
/// holds a fleet, kIo when it cannot be written.
FleetConfig init_fleet(const std::string& dir, const std::string& host, const std::string& listen,
                       FileSystem& files, Clock& clock);

struct NewToken {
  std::string text;
  int64_t uses = 0;
  int64_t expires_ms = 0;
};
/// Makes an enrolment token and stores its hash. kFailedPrecondition when the ports are not known yet.
NewToken make_token(const std::string& dir, int64_t uses, int64_t valid_ms, FileSystem& files, Clock& clock,
                    SecureRandom& random);

/// "24h", "30m", "7d", "45s" in milliseconds; kInvalidArgument otherwise.
int64_t parse_duration_ms(std::string_view text);

}  // namespace dunlin::fleet
