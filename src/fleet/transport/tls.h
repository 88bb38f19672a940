// TLS 1.3 and nothing older. Servers see to it, by an environment variable of gRPC (see tls.cc); channels
// change nothing in the process that they live in.
#pragma once

#include <memory>

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include "fleet/identity/authority.h"

namespace dunlin::fleet {

enum class ClientCertificates {
  kNotAsked,  // enrolment: the peer has none yet
  kRequired,  // everything else: refused in the handshake without one of our authority
};

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsIdentity& identity,
                                                            ClientCertificates clients);

/// Trusts the authority alone. `identity` is null while enrolling.
std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const std::string& authority_pem,
                                                              const TlsIdentity* identity);

}  // namespace dunlin::fleet
