// A gRPC server with our TLS and our limits. A coordinator has two: one for enrolment, one for its devices.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "fleet/config.h"
#include "fleet/transport/listener.h"
#include "fleet/transport/tls.h"

namespace dunlin::fleet {

struct ServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // any free one
  int max_message_bytes = 4 << 20;
  int max_streams_per_connection = 16;
  ConnectionLimits connections;
};
ServerOptions server_options(const FleetConfig& config, uint16_t port);

/// Thread safe.
class Server {
 public:
  /// Listens when it returns. The services must outlive the server. kUnavailable when the port is occupied.
  Server(const TlsIdentity& identity, ClientCertificates clients, const std::vector<grpc::Service*>& services,
         const ServerOptions& options);
  /// Shuts down at once.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return listener_.port(); }
  int64_t open_connections() const { return listener_.open_connections(); }
  /// Accepts nothing more, lets calls finish for `grace_ms`, cancels the rest. Returns when no handler runs.
  void shutdown(int64_t grace_ms);

 private:
  Listener listener_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

/// The device that the peer's certificate names: the only place from which a handler takes it.
/// kPermissionDenied without a certificate of a device of this fleet, or when it has expired since the
/// handshake.
std::string peer_device_id(const grpc::ServerContextBase& context, const std::string& fleet_id,
                           int64_t now_ms);

}  // namespace dunlin::fleet
