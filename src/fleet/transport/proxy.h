// Which HTTP proxy leads to a coordinator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dunlin::fleet {

struct HostPort {
  std::string host;
  uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};
/// "host:port", with brackets around an IPv6 address.
std::string to_text(const HostPort& target);

/// As curl and most programs read them: https_proxy (or HTTPS_PROXY) is
/// "[http://][USER:PASSWORD@]HOST[:PORT]", no_proxy a list of names, domains and addresses, or "*".
struct ProxySettings {
  std::string https_proxy;
  std::string no_proxy;

  static ProxySettings from_environment();
};

struct Proxy {
  HostPort address;
  std::string credentials;  // "USER:PASSWORD" or empty
};

/// None for a direct connection, which this machine's own loopback always gets. kInvalidArgument when
/// https_proxy cannot be understood.
std::optional<Proxy> proxy_for(const std::string& host, const ProxySettings& settings);

}  // namespace dunlin::fleet
