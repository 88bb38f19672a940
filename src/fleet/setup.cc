#include "fleet/setup.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "fleet/identity/authority.h"
#include "fleet/identity/token.h"
#include "fleet/identity/token_store.h"

namespace dunlin::fleet {

namespace {

struct ListenAddress {
  std::string address;
  int port = -1;  // not given
};

// "127.0.0.1", "127.0.0.1:8443", "[::1]", "[::1]:8443"
ListenAddress parse_listen(const std::string& text) {
  ListenAddress out;
  size_t end = text.size();
  if (const size_t colon = text.rfind(':'); colon != std::string::npos &&
                                            text.find(']', colon) == std::string::npos &&
                                            (text.find(':') == colon || text.front() == '[')) {
    const char* last = text.data() + text.size();
    const auto [p, error] = std::from_chars(text.data() + colon + 1, last, out.port);
    if (error != std::errc() || p != last || out.port < 0 || out.port > 65534)
      fail(ErrorCode::kInvalidArgument,
           "--listen {}: ADDRESS or ADDRESS:PORT is expected, PORT from 0 to 65534", text);
    end = colon;
  }
  out.address = text.substr(0, end);
  if (out.address.size() > 2 && out.address.front() == '[' && out.address.back() == ']')
    out.address = out.address.substr(1, out.address.size() - 2);
  check_host_name(out.address);
  return out;
}

std::string ports_path(const std::string& dir) { return join_path(dir, "ports"); }

}  // namespace

std::vector<std::string> certificate_hosts(const FleetConfig::Network& network) {
  std::vector<std::string> hosts{network.host};
  const auto add = [&](const char* host) {
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.emplace_back(host);
  };
  if (network.listen == "localhost" || network.listen == "::1" || network.listen.starts_with("127.")) {
    add("localhost");
    add("127.0.0.1");
    add("::1");
  }
  return hosts;
}

void save_bound_ports(const std::string& dir, BoundPorts ports, FileSystem& files) {
  files.write_atomic(ports_path(dir), as_bytes(fmt::format("{} {}\n", ports.fleet, ports.enrolment)));
}

BoundPorts known_ports(const std::string& dir, const FleetConfig& config, FileSystem& files) {
  BoundPorts ports{config.network.port, config.network.enrolment_port};
  if ((ports.fleet != 0 && ports.enrolment != 0) || !files.exists(ports_path(dir))) return ports;
  const std::string text(as_chars(files.read(ports_path(dir), 64)));
  BoundPorts saved;
  const char* last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, saved.fleet);
  if (first.ec != std::errc() || first.ptr == last ||
      std::from_chars(first.ptr + 1, last, saved.enrolment).ec != std::errc())
    fail(ErrorCode::kCorrupt, "{}: two ports are expected", ports_path(dir));
  if (ports.fleet == 0) ports.fleet = saved.fleet;
  if (ports.enrolment == 0) ports.enrolment = saved.enrolment;
  return ports;
}

FleetConfig init_fleet(const std::string& dir, const std::string& host, const std::string& listen,
                       FileSystem& files, Clock& clock) {
  FleetConfig config;
  check_host_name(host);
  const ListenAddress address = parse_listen(listen);
  config.network.host = host;
  config.network.listen = address.address;
  if (address.port >= 0) {
    config.network.port = static_cast<uint16_t>(address.port);
    config.network.enrolment_port = static_cast<uint16_t>(address.port == 0 ? 0 : address.port + 1);
  }
  if (files.exists(config_path(dir)))
    fail(ErrorCode::kFailedPrecondition, "{}: already holds a fleet; choose another folder", dir);
  const Authority authority = Authority::create(dir, files, clock);
  load_coordinator_identity(dir, authority, certificate_hosts(config.network),
                            config.identity.coordinator_certificate_days, files, clock);
  // Last: a folder with a fleet.toml is complete.
  files.write_atomic(config_path(dir), as_bytes(to_toml(config)));
  return config;
}

NewToken make_token(const std::string& dir, int64_t uses, int64_t valid_ms, FileSystem& files, Clock& clock,
                    SecureRandom& random) {
  if (valid_ms < 1) fail(ErrorCode::kInvalidArgument, "enrolment token: it must be valid for some time");
  const Authority authority = Authority::load(dir, files);
  const FleetConfig config = load_fleet_config(config_path(dir), files);
  const BoundPorts ports = known_ports(dir, config, files);
  if (ports.fleet == 0 || ports.enrolment == 0)
    fail(ErrorCode::kFailedPrecondition,
         "{}: its ports are 0 (any free one) and not known yet: start the coordinator once, or set "
         "network.port and "
         "network.enrolment_port",
         config_path(dir));
  const Token token{config.network.host, ports.fleet, ports.enrolment, authority.certificate().fingerprint(),
                    draw_token_secret(random)};
  const int64_t expires_ms = clock.now_ms() + valid_ms;
  TokenStore(database_path(dir)).add(sha256(token.secret), uses, expires_ms);
  return {to_text(token), uses, expires_ms};
}

int64_t parse_duration_ms(std::string_view text) {
  int64_t value = 0;
  const char* last = text.data() + text.size();
  const auto [p, error] = std::from_chars(text.data(), last, value);
  int64_t unit = 0;
  if (error == std::errc() && p + 1 == last) switch (*p) {
      case 's':
        unit = 1000;
        break;
      case 'm':
        unit = 60 * 1000;
        break;
      case 'h':
        unit = 3600 * 1000;
        break;
      case 'd':
        unit = 24 * 3600 * 1000;
        break;
      default:
        break;
    }
  constexpr int64_t kMaxMs = int64_t{36500} * 24 * 3600 * 1000;
  if (unit == 0 || value < 1 || value > kMaxMs / unit)
    fail(ErrorCode::kInvalidArgument, "duration \"{}\": a number with s, m, h or d is expected, such as 24h",
         text);
  return value * unit;
}

}  // namespace dunlin::fleet
