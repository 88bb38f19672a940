// The two ports as an outsider meets them: plain OpenSSL and gRPC clients, with and without the right papers.
#include "fleet/transport/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <thread>

#include "fleet/identity/test_fleet.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/dial.h"
#include "fleet/wire/enroll.grpc.pb.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {
namespace {

struct Handshake {
  bool completed = false;  // and the server still talks to us afterwards
  int version = 0;
  std::string error;
};

// A blocking OpenSSL client of at most `max_version`, with everything else left at OpenSSL's defaults.
Handshake handshake(uint16_t port, int max_version, const TlsIdentity* identity = nullptr) {
  const auto context = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context.get(), max_version);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  if (identity) {
    const Certificate certificate = Certificate::from_pem(identity->certificate_pem, "test");
    const PrivateKey key = PrivateKey::from_pem(identity->key_pem, "test");
    EXPECT_EQ(SSL_CTX_use_certificate(context.get(), certificate.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.get()), 1);
  }
  FileDescriptor connection = connect_tcp({"127.0.0.1", port}, 5000);
  const int flags = ::fcntl(connection.get(), F_GETFL);
  ::fcntl(connection.get(), F_SETFL, flags & ~O_NONBLOCK);
  const timeval patience{5, 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto ssl = std::unique_ptr<SSL, OpensslFree<SSL_free>>(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), connection.get());
  constexpr unsigned char kAlpn[] = {2, 'h', '2'};
  SSL_set_alpn_protos(ssl.get(), kAlpn, sizeof kAlpn);
  Handshake result;
  ERR_clear_error();
  if (SSL_connect(ssl.get()) == 1) {
    result.version = SSL_version(ssl.get());
    // In TLS 1.3 the client learns only now whether its certificate was taken: HTTP/2 servers speak first.
    char frame[9];
    result.completed = SSL_read(ssl.get(), frame, sizeof frame) > 0;
  }
  if (!result.completed) {
    char text[256] = "";
    ERR_error_string_n(ERR_peek_error(), text, sizeof text);
    result.error = text;
    ERR_clear_error();
  }
  return result;
}

grpc::Status renew_without_request(const DeviceIdentity& identity, const std::string& authority_pem,
                                   const TlsIdentity* papers) {
  const auto channel = open_channel(identity.coordinator, authority_pem, papers, {});
  wire::v1::RenewRequest request;
  request.set_protocol(kWireVersion);
  wire::v1::RenewReply reply;
  grpc::ClientContext context;
  set_timeout(context, 5'000);
  return wire::v1::Renewal::NewStub(channel)->Renew(&context, request, &reply);
}

TEST(Tls, Version13IsSpokenAnd12IsRefusedOnBothPorts) {
  TestFleet fleet;
  const DeviceIdentity device = fleet.enrolled("state");
  for (const uint16_t port : {fleet.enrolment_server->port(), fleet.fleet_server->port()}) {
    const Handshake modern = handshake(port, TLS1_3_VERSION, &device.tls);
    EXPECT_TRUE(modern.completed) << modern.error;
    EXPECT_EQ(modern.version, TLS1_3_VERSION);
    for (const int old : {TLS1_2_VERSION, TLS1_1_VERSION, TLS1_VERSION}) {
      const Handshake refused = handshake(port, old, &device.tls);
      EXPECT_FALSE(refused.completed) << std::hex << old;
      EXPECT_EQ(refused.version, 0) << std::hex << old;
    }
  }
}

TEST(Tls, FleetPortNeedsACertificateOfThisFleet) {
  TestFleet fleet, other;
  const DeviceIdentity device = fleet.enrolled("state");
  const DeviceIdentity stranger = other.enrolled("state");
  const uint16_t port = fleet.fleet_server->port();
  EXPECT_TRUE(handshake(port, TLS1_3_VERSION, &device.tls).completed);
  EXPECT_FALSE(handshake(port, TLS1_3_VERSION).completed);
  EXPECT_FALSE(handshake(port, TLS1_3_VERSION, &stranger.tls).completed);
  // The coordinator's own certificate is of this fleet, but not a client's.
  const TlsIdentity server = fleet.authority.issue_server({"127.0.0.1"}, 1, fleet.clock);
  EXPECT_FALSE(handshake(port, TLS1_3_VERSION, &server).completed);
  // An expired one: issued a week and an hour ago.
  ManualClock past;
  past.advance_ms(-int64_t{8} * 24 * 3600 * 1000);
  const PrivateKey key = PrivateKey::generate();
  const TlsIdentity expired{key.pem(), fleet.authority.issue_device(key.get(), 7, past).pem(), ""};
  EXPECT_FALSE(handshake(port, TLS1_3_VERSION, &expired).completed);
}

TEST(Tls, GrpcClientsMeetTheSameDoors) {
  TestFleet fleet, other;
  const DeviceIdentity device = fleet.enrolled("state");
  const DeviceIdentity stranger = other.enrolled("state");
  const std::string authority = fleet.authority.certificate().pem();
  // Reaches the handler, which misses a signing request.
  EXPECT_EQ(renew_without_request(device, authority, &device.tls).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(renew_without_request(device, authority, nullptr).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(renew_without_request(device, authority, &stranger.tls).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  // The device for its part refuses a coordinator of another fleet.
  EXPECT_EQ(renew_without_request(device, other.authority.certificate().pem(), &device.tls).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(Server, OccupiedPortIsAClearError) {
  TestFleet fleet;
  ServerOptions options;
  options.port = fleet.fleet_server->port();
  const TlsIdentity identity = fleet.authority.issue_server({"127.0.0.1"}, 1, fleet.clock);
  std::string message;
  EXPECT_EQ(code_of([&] { Server(identity, ClientCertificates::kNotAsked, {&fleet.enrolment}, options); },
                    &message),
            ErrorCode::kUnavailable);
  EXPECT_THAT(message, ::testing::HasSubstr("127.0.0.1:" + std::to_string(options.port)));
  EXPECT_THAT(message, ::testing::HasSubstr("in use"));
  options.address = "no-such-host.invalid";
  EXPECT_EQ(code_of([&] { Server(identity, ClientCertificates::kNotAsked, {&fleet.enrolment}, options); }),
            ErrorCode::kUnavailable);
}

void wait_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

// The connection is closed before a byte of ours is read.
bool turned_away(const FileDescriptor& connection) {
  char c;
  for (int i = 0; i < 500; ++i) {
    const ssize_t n = ::recv(connection.get(), &c, 1, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Server, ConnectionsAreCappedAndCountedDownAgain) {
  ServerOptions options;
  options.connections = {.max_connections = 3, .max_connections_per_address = 2};
  TestFleet fleet({}, options);
  Server& server = *fleet.fleet_server;
  const auto dial_in = [&] { return connect_tcp({"127.0.0.1", server.port()}, 5000); };
  {
    const FileDescriptor a = dial_in(), b = dial_in();
    wait_for([&] { return server.open_connections() == 2; });
    EXPECT_EQ(server.open_connections(), 2);
    EXPECT_TRUE(turned_away(dial_in()));
    EXPECT_EQ(server.open_connections(), 2);
  }
  wait_for([&] { return server.open_connections() == 0; });
  EXPECT_EQ(server.open_connections(), 0);
  // Real TLS connections count, and are counted down, too.
  const DeviceIdentity device = fleet.enrolled("state");
  EXPECT_TRUE(handshake(server.port(), TLS1_3_VERSION, &device.tls).completed);
  wait_for([&] { return server.open_connections() == 0; });
  EXPECT_EQ(server.open_connections(), 0);
}

TEST(Server, RestartTakesTheSamePortAtOnce) {
  TestFleet fleet;
  const DeviceIdentity device = fleet.enrolled("state");
  const auto channel = open_channel(device.coordinator, device.tls.authority_pem, &device.tls, {});
  EXPECT_NO_THROW(renew(device, channel, fleet.folder.file("state"), system_files()));
  ServerOptions options;
  options.port = fleet.fleet_server->port();
  fleet.fleet_server->shutdown(0);
  EXPECT_EQ(code_of([&] { renew(device, channel, fleet.folder.file("state"), system_files()); }),
            ErrorCode::kUnavailable);
  fleet.fleet_server.reset();
  fleet.fleet_server = std::make_unique<Server>(fleet.authority.issue_server({"127.0.0.1"}, 1, fleet.clock),
                                                ClientCertificates::kRequired,
                                                std::vector<grpc::Service*>{&fleet.renewal}, options);
  bool back = false;
  wait_for([&] {
    try {
      renew(device, channel, fleet.folder.file("state"), system_files());
      back = true;
    } catch (const Error&) {
    }
    return back;
  });
  EXPECT_TRUE(back);
}

TEST(Server, MessagesAreCapped) {
  ServerOptions options;
  options.max_message_bytes = 64 * 1024;
  TestFleet fleet({}, options);
  const auto channel = open_channel({"127.0.0.1", fleet.enrolment_server->port()},
                                    fleet.authority.certificate().pem(), nullptr, {});
  wire::v1::EnrollRequest request;
  request.set_protocol(kWireVersion);
  request.set_csr_der(std::string(100 * 1024, 'x'));
  wire::v1::EnrollReply reply;
  grpc::ClientContext context;
  set_timeout(context, 5'000);
  EXPECT_EQ(wire::v1::Enrolment::NewStub(channel)->Enroll(&context, request, &reply).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// Garbage, half a handshake, an HTTP request: dropped, and the port goes on serving.
TEST(Server, NoiseDoesNotStopIt) {
  TestFleet fleet;
  Philox random(11);
  for (int i = 0; i < 50; ++i) {
    for (const uint16_t port : {fleet.enrolment_server->port(), fleet.fleet_server->port()}) {
      const FileDescriptor connection = connect_tcp({"127.0.0.1", port}, 5000);
      std::string noise(1 + random.below(600), '\0');
      for (char& c : noise) c = static_cast<char>(random.next_u32());
      if (i % 3 == 0)
        noise.replace(0, std::min<size_t>(noise.size(), 6), std::string("\x16\x03\x01\x01\x00\x01", 6));
      if (i % 3 == 1) noise = "GET / HTTP/1.1\r\n\r\n";
      ::send(connection.get(), noise.data(), noise.size(), MSG_NOSIGNAL);
    }
  }
  EXPECT_NO_THROW(fleet.enrolled("state"));
}

}  // namespace
}  // namespace dunlin::fleet
