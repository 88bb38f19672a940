#include "fleet/transport/channel.h"

#include <chrono>

#include "fleet/transport/tls.h"

namespace dunlin::fleet {

namespace {
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kWindowBytes = 1 << 20;
constexpr int kFirstBackoffMs = 200;
// gRPC calls it a back-off, but it is the time that one attempt may take: TCP, proxy, TLS. A slow link needs some.
constexpr int kConnectTimeoutMs = 20'000;
constexpr int kMaxBackoffMs = 15'000;  // whoever calls adds its own pace on top
}  // namespace

std::shared_ptr<grpc::Channel> open_channel(const HostPort& target, const std::string& authority_pem,
                                            const TlsIdentity* identity, const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetMaxSendMessageSize(options.max_message_bytes);
  arguments.SetCompressionAlgorithm(GRPC_COMPRESS_NONE);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // By itself gRPC takes in megabytes that nobody has read yet: memory that a small device does not have.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstBackoffMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxBackoffMs);
  // Two devices in one process share nothing.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // One reading of the environment, ours: gRPC's own knows no upper-case names and sends loopback to the
  // proxy.
  if (const auto proxy = proxy_for(target.host, options.proxy)) {
    arguments.SetString(
        GRPC_ARG_HTTP_PROXY,
        "http://" + (proxy->credentials.empty() ? "" : proxy->credentials + "@") + to_text(proxy->address));
  } else {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  return grpc::CreateCustomChannel(to_text(target), channel_credentials(authority_pem, identity), arguments);
}

void set_timeout(grpc::ClientContext& context, int64_t timeout_ms) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
}

}  // namespace dunlin::fleet
