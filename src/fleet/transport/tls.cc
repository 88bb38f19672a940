#include "fleet/transport/tls.h"

#include <grpc/grpc.h>

#include <cstdlib>
#include <mutex>

namespace dunlin::fleet {

namespace {

// gRPC 1.51 has no setting for the lowest version. Its list of cipher suites counts for TLS 1.2 only, and a
// suite that authenticates with RSA cannot be agreed upon where every certificate is ECDSA: what remains is
// TLS 1.3. gRPC reads the variable once, when the first credentials are made; hence before that, and for the
// whole process.
void require_tls13() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", 1);
    // Never taken back: gRPC 1.51 shuts itself down with its last object, and now and then waits ten seconds
    // there for a poller of its own.
    grpc_init();
  });
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsIdentity& identity,
                                                            ClientCertificates clients) {
  require_tls13();
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
  require_tls13();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_pem;
  if (identity) {
    options.pem_private_key = identity->key_pem;
    options.pem_cert_chain = identity->certificate_pem;
  }
  return grpc::SslCredentials(options);
}

}  // namespace dunlin::fleet
