// The steps of a connection, one at a time: what enrolment needs before anything is trusted, and what
// `dunlin device --check` reports on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fleet/identity/openssl.h"
#include "fleet/transport/listener.h"
#include "fleet/transport/proxy.h"

namespace dunlin::fleet {

/// The addresses of a name as text. kUnavailable when there are none.
std::vector<std::string> resolve_host(const std::string& host);

/// A TCP connection, non-blocking. kUnavailable, with the system's reason, when none of the addresses
/// answers.
FileDescriptor connect_tcp(const HostPort& target, int64_t timeout_ms);

/// Asks an HTTP proxy for a tunnel (CONNECT). kUnavailable with the proxy's answer when it refuses.
void open_tunnel(const FileDescriptor& connection, const Proxy& proxy, const HostPort& target,
                 int64_t timeout_ms);

/// connect_tcp, then open_tunnel where there is a proxy.
FileDescriptor dial(const HostPort& target, const std::optional<Proxy>& proxy, int64_t timeout_ms);

/// A TLS 1.3 handshake that trusts nobody, says nothing and hangs up: the server's certificates, its own
/// first.
std::vector<Certificate> presented_certificates(const FileDescriptor& connection, const std::string& host,
                                                int64_t timeout_ms);

}  // namespace dunlin::fleet
