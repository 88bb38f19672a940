// A device's connection to its coordinator: dialled out, TLS 1.3, through the proxy where there is one.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <stop_token>
#include <string>

#include "fleet/identity/authority.h"
#include "fleet/transport/proxy.h"

namespace dunlin::fleet {

struct ChannelOptions {
  ProxySettings proxy;
  int max_message_bytes = 4 << 20;
};

/// Trusts `authority_pem` alone. `identity` is the device's, or null while enrolling. Returns at once: the
/// connection is made by the first call, and made again after a break.
std::shared_ptr<grpc::Channel> open_channel(const HostPort& target, const std::string& authority_pem,
                                            const TlsIdentity* identity, const ChannelOptions& options);

/// Every call has an end, however long the link is away.
void set_timeout(grpc::ClientContext& context, int64_t timeout_ms);

/// Cancels a call when its owner is asked to stop. Must not outlive either.
class StopGuard {
 public:
  StopGuard(const std::stop_token& stop, grpc::ClientContext& context) : callback_(stop, Cancel{&context}) {}

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };
  std::stop_callback<Cancel> callback_;
};

}  // namespace dunlin::fleet
