#include "fleet/transport/server.h"

#include <grpc/grpc_security_constants.h>
#include <grpc/support/log.h>

#include <chrono>
#include <mutex>

#include "base/error.h"
#include "base/log.h"

namespace dunlin::fleet {

namespace {

constexpr int kHandshakeTimeoutMs = 20'000;
constexpr int kKeepaliveMs = 60'000;  // finds peers that vanished without a word
constexpr int kMaxIdleMs = 60 * 60 * 1000;
// Now and then a connection is made anew, so that an expired certificate does not live on in an old one.
constexpr int kMaxConnectionAgeMs = 12 * 60 * 60 * 1000;
constexpr int kConnectionAgeGraceMs = 10 * 60 * 1000;
constexpr int kMinPingIntervalMs = 20'000;
constexpr int kMaxMetadataBytes = 16 * 1024;
constexpr int kWindowBytes = 1 << 20;

void set_limits(grpc::ServerBuilder& builder, const ServerOptions& options) {
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kMaxConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionAgeGraceMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // By itself gRPC lets a fast peer have megabytes under way that nobody has read yet.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  // Weights do not compress, and a small message that expands is an attack.
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
}

// gRPC reports every failed handshake as an error on stderr: any port scanner would fill the log.
void calm_grpc_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("gRPC: {}", args->message); });
  });
}

}  // namespace

ServerOptions server_options(const FleetConfig& config, uint16_t port) {
  ServerOptions options;
  options.address = config.network.listen;
  options.port = port;
  options.max_message_bytes = static_cast<int>(config.limits.max_message_bytes);
  options.max_streams_per_connection = static_cast<int>(config.limits.max_streams_per_connection);
  options.connections = {config.limits.max_connections, config.limits.max_connections_per_address};
  return options;
}

Server::Server(const TlsIdentity& identity, ClientCertificates clients,
               const std::vector<grpc::Service*>& services, const ServerOptions& options)
    : listener_(options.address, options.port, options.connections) {
  calm_grpc_log();
  grpc::ServerBuilder builder;
  set_limits(builder, options);
  for (grpc::Service* service : services) builder.RegisterService(service);
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      server_credentials(identity, clients));
  server_ = builder.BuildAndStart();
  if (!server_) fail(ErrorCode::kInternal, "{}:{}: gRPC cannot serve", options.address, options.port);
  listener_.start([this](FileDescriptor connection) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.fd = connection.release();
    acceptor_->HandleNewConnection(&parameters);
  });
}

Server::~Server() { shutdown(0); }

void Server::shutdown(int64_t grace_ms) {
  listener_.stop();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(grace_ms));
}

std::string peer_device_id(const grpc::ServerContextBase& context, const std::string& fleet_id,
                           int64_t now_ms) {
  const std::string prefix = device_uri(fleet_id, "");
  const auto authentication = context.auth_context();
  if (authentication && authentication->IsPeerAuthenticated())
    for (const grpc::string_ref& name : authentication->FindPropertyValues("peer_uri"))
      if (const std::string uri(name.data(), name.size()); uri.starts_with(prefix)) {
        const std::string id = uri.substr(prefix.size());
        // A connection may outlive the certificate that opened it.
        for (const grpc::string_ref& pem :
             authentication->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME))
          if (now_ms >= Certificate::from_pem({pem.data(), pem.size()}, "the peer").not_after_ms())
            fail(ErrorCode::kPermissionDenied, "device {}: its certificate has expired: enrol again", id);
        return id;
      }
  fail(ErrorCode::kPermissionDenied,
       "this request needs the certificate of a device of fleet {}: enrol first", fleet_id);
}

}  // namespace dunlin::fleet
