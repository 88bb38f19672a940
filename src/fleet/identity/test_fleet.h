// A small fleet on loopback for tests: authority, tokens, both servers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fleet/config.h"
#include "fleet/identity/authority.h"
#include "fleet/identity/device_identity.h"
#include "fleet/identity/enrolment_service.h"
#include "fleet/identity/token_store.h"
#include "fleet/setup.h"
#include "fleet/test_support.h"
#include "fleet/transport/server.h"

namespace dunlin::fleet {

class TestFleet {
 public:
  /// `services` go to the fleet port beside renewal.
  explicit TestFleet(std::vector<grpc::Service*> services = {}, ServerOptions options = {},
                     const std::string& host = "127.0.0.1")
      : config(init_fleet(folder.path(), host, "127.0.0.1:0", system_files(), clock)),
        authority(Authority::load(folder.path(), system_files())),
        tokens(database_path(folder.path())),
        enrolment(
            authority, tokens, 7, [this](const std::string& id) { admit(id); }, clock),
        renewal(
            authority, 7, [this](const std::string& id) { admit(id); }, clock) {
    services.push_back(&renewal);
    const TlsIdentity identity = load_coordinator_identity(
        folder.path(), authority, certificate_hosts(config.network), 90, system_files(), clock);
    enrolment_server = std::make_unique<Server>(identity, ClientCertificates::kNotAsked,
                                                std::vector<grpc::Service*>{&enrolment}, options);
    fleet_server = std::make_unique<Server>(identity, ClientCertificates::kRequired, services, options);
    save_bound_ports(folder.path(), {fleet_server->port(), enrolment_server->port()}, system_files());
  }

  Token token(int64_t uses = 1, int64_t valid_ms = 60'000) {
    return parse_token(
        make_token(folder.path(), uses, valid_ms, system_files(), clock, system_random()).text);
  }
  /// A device enrolled in STATE, a folder of its own below ours.
  DeviceIdentity enrolled(const std::string& state, const ProxySettings& proxy = {}) {
    return enroll(token(), folder.file(state), proxy, system_files(), clock);
  }

  TemporaryFolder folder;
  ManualClock clock;
  FleetConfig config;
  Authority authority;
  TokenStore tokens;
  std::function<void(const std::string&)> admit = [](const std::string&) {};
  EnrolmentService enrolment;
  RenewalService renewal;
  std::unique_ptr<Server> enrolment_server, fleet_server;
};

}  // namespace dunlin::fleet
