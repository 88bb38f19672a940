#include "fleet/transport/tls.h"

#include <grpc/grpc.h>

#include <cstdlib>
#include <mutex>

namespace dunlin::fleet {

namespace {

// Never taken back: gRPC 1.51 shuts itself down with its last object, and now and then waits ten seconds
// there for a poller of its own.
void keep_grpc() {
  static std::once_flag once;
  std::call_once(once, [] { grpc_init(); });
}

// gRPC 1.51 has no setting for the lowest version. Its list of cipher suites counts for TLS 1.2 only, and a
// suite that authenticates with RSA cannot be agreed upon where every certificate is ECDSA: what remains is
// TLS 1.3. gRPC reads the variable once, when it makes its first TLS handshaker, and for the whole process:
// hence only in servers. A device, which lives in somebody else's process, needs no such thing: the peers
// that it trusts are servers of its fleet, which agree to nothing older, and a handshake cannot be forged
// down.
void serve_tls13_only() {
  static std::once_flag once;
  std::call_once(once, [] { ::setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", 1); });
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsIdentity& identity,
                                                            ClientCertificates clients) {
  keep_grpc();
  serve_tls13_only();
  grpc::SslServerCredentialsOptions options(clients == ClientCertificates::kRequired
                                                ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  if (clients == ClientCertificates::kRequired) options.pem_root_certs = identity.authority_pem;
  // The authority travels along, so that a device that knows only its fingerprint can find it.
  options.pem_key_cert_pairs.push_back({identity.key_pem, identity.certificate_pem + identity.authority_pem});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const std::string& authority_pem,
                                                              const TlsIdentity* identity) {
  keep_grpc();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_pem;
  if (identity) {
    options.pem_private_key = identity->key_pem;
    options.pem_cert_chain = identity->certificate_pem;
  }
  return grpc::SslCredentials(options);
}

}  // namespace dunlin::fleet
