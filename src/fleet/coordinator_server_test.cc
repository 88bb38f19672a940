// A whole coordinator on loopback, every port free: what it refuses, with which words, and that its round
// goes on.
#include "fleet/coordinator_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>
#include <thread>

#include "fleet/check_connection.h"
#include "fleet/coordinator/toy_fleet.h"
#include "fleet/identity/device_identity.h"
#include "fleet/setup.h"
#include "fleet/store/read_model.h"
#include "fleet/store/revocations.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/chunks.h"
#include "fleet/transport/dial.h"
#include "fleet/transport/status.h"
#include "fleet/wire/fleet.grpc.pb.h"

namespace dunlin::fleet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kLimit = 64 << 20;
constexpr size_t kParameters = 6000;

/// A device as far as the network goes.
struct Peer {
  explicit Peer(DeviceIdentity i)
      : identity(std::move(i)),
        channel(open_channel(identity.coordinator, identity.tls.authority_pem, &identity.tls, {})),
        stub(wire::v1::Fleet::NewStub(channel)),
        chunks(channel, kLimit, system_files()) {}

  template <typename Request, typename Reply>
  grpc::Status call(grpc::Status (wire::v1::Fleet::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                  Reply*),
                    const Request& request, Reply& reply) {
    grpc::ClientContext context;
    set_timeout(context, 20'000);
    return (stub.get()->*method)(&context, request, &reply);
  }
  grpc::Status check_in(wire::v1::CheckInReply& reply, const wire::v1::CheckInRequest& request = hello()) {
    return call(&wire::v1::Fleet::Stub::CheckIn, request, reply);
  }
  wire::v1::CommitReply commit(const wire::v1::Task& task, ByteSpan update) {
    wire::v1::CommitReply reply;
    check_status(call(&wire::v1::Fleet::Stub::Commit, ToyFleet::commit_request(task, update), reply),
                 "commit");
    return reply;
  }
  static wire::v1::CheckInRequest hello() {
    auto request = ToyFleet::hello();
    request.set_hold_ms(10'000);
    return request;
  }

  DeviceIdentity identity;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<wire::v1::Fleet::Stub> stub;
  ChunkClient chunks;
};

class CoordinatorServerTest : public testing::Test {
 protected:
  CoordinatorServerTest() {
    config_ = init_fleet(dir(), "127.0.0.1", "127.0.0.1:0", files_, clock_);
    config_.round = {
        .rounds = 2, .cohort_size = 5, .over_selection = 1, .quorum = 2, .deadline_s = 600, .pace_s = 1};
    config_.identity.device_certificate_days = 1;
    files_.write_atomic(join_path(dir(), "model.onnx"), toy_model(kParameters).serialise());
  }

  std::string dir() const { return folder_.file("fleet"); }
  void start() {
    server_ = std::make_unique<CoordinatorServer>(dir(), config_,
                                                  CoordinatorServer::Parts{files_, clock_, random_, codec_});
  }
  std::string start_error(ErrorCode want) {
    std::string message;
    EXPECT_EQ(code_of([&] { start(); }, &message), want) << message;
    return message;
  }
  DeviceIdentity enrolled(const std::string& name) {
    const NewToken token = make_token(dir(), 1, 60'000, files_, clock_, system_random());
    return enroll(parse_token(token.text), folder_.file(name), {}, files_, clock_);
  }
  /// Everybody looks in until everybody has a task.
  std::map<std::string, wire::v1::Task> tasks_of(std::map<std::string, std::unique_ptr<Peer>>& peers) {
    std::map<std::string, wire::v1::Task> tasks;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (const auto& [name, peer] : peers)
      threads.emplace_back([&, name = name, peer = peer.get()] {
        wire::v1::CheckInReply reply;
        std::string trouble;
        for (int i = 0; i < 100 && !reply.has_task(); ++i)
          if (const grpc::Status status = peer->check_in(reply); !status.ok()) {
            trouble = status.error_message();  // as a device would, it tries again
            system_clock().sleep_ms(20);
          }
        EXPECT_TRUE(reply.has_task()) << name << ": " << trouble;
        std::lock_guard lock(mutex);
        tasks[name] = reply.task();
      });
    for (std::thread& t : threads) t.join();
    return tasks;
  }
  std::string upload(Peer& peer, const wire::v1::Task& task, ByteSpan update) {
    const std::string path = folder_.file("update-" + task.id());
    files_.write_atomic(path, update);
    peer.chunks.upload(task.id(), task.attempt(), path);
    return path;
  }
  wire::v1::CommitReply send(Peer& peer, const wire::v1::Task& task, ByteSpan update) {
    upload(peer, task, update);
    return peer.commit(task, update);
  }

  TemporaryFolder folder_;
  FileSystem& files_ = system_files();
  ManualClock clock_;
  ToyRandom random_;
  ToyCodec codec_;
  FleetConfig config_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(CoordinatorServerTest, BadUpdatesAreRefusedWithTheirReasonAndTheRoundGoesOn) {
  start();
  std::map<std::string, std::unique_ptr<Peer>> peers;
  for (const std::string name : {"nan", "shapes", "good", "too", "late"})
    peers[name] = std::make_unique<Peer>(enrolled(name));
  auto tasks = tasks_of(peers);
  ASSERT_EQ(tasks.size(), 5u);
  const NamedTensors model = toy_model(kParameters);

  Bytes nan = toy_update("nan", tasks["nan"], model, 10);
  store_le(nan.data() + nan.size() - 4, INT32_MIN);
  const auto not_finite = send(*peers["nan"], tasks["nan"], nan);
  EXPECT_EQ(not_finite.reason(), wire::v1::NOT_FINITE);
  EXPECT_THAT(not_finite.message(), AllOf(HasSubstr("mean"), HasSubstr("NaN")));

  wire::v1::Task other = tasks["shapes"];
  other.mutable_plan()->mutable_tensors(0)->set_shape(0, kParameters - 1);
  const auto wrong =
      send(*peers["shapes"], tasks["shapes"], toy_update("shapes", other, toy_model(kParameters - 1), 10));
  EXPECT_EQ(wrong.reason(), wire::v1::WRONG_TENSORS);
  EXPECT_THAT(wrong.message(), AllOf(HasSubstr("\"w\" [5999]"), HasSubstr("[6000]")));

  for (const std::string name : {"good", "too"})
    EXPECT_EQ(send(*peers[name], tasks[name], toy_update(name, tasks[name], model, 10)).reason(),
              wire::v1::UPDATE_ACCEPTED);
  clock_.advance_ms(600'001);
  auto hello = Peer::hello();
  hello.set_hold_ms(0);
  wire::v1::CheckInReply reply;
  check_status(peers["good"]->check_in(reply, hello), "check-in");  // which wakes the coordinator
  for (int i = 0; i < 2000 && server_->coordinator().version() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(server_->coordinator().version(), 1u) << "the round goes on without the refused ones";
  EXPECT_EQ(server_->coordinator().store().version(1).updates, 2u);

  // The fifth comes after the round: it may neither upload nor commit.
  const Bytes update = toy_update("late", tasks["late"], model, 10);
  std::string message;
  EXPECT_EQ(code_of([&] { upload(*peers["late"], tasks["late"], update); }, &message),
            ErrorCode::kFailedPrecondition);
  EXPECT_THAT(message, HasSubstr("ROUND_OVER"));
  const auto late = peers["late"]->commit(tasks["late"], update);
  EXPECT_EQ(late.reason(), wire::v1::ROUND_OVER);
  EXPECT_EQ(late.message(), "round 1 is over");

  FleetView view(dir());
  const RoundView round = view.rounds().back();
  EXPECT_EQ(round.state, "published");
  EXPECT_EQ(round.accepted, 2u);
  EXPECT_EQ(round.refused, 2u);
}

TEST_F(CoordinatorServerTest, AnotherWireVersionIsRefusedNamingBoth) {
  start();
  Peer peer(enrolled("device"));
  auto request = Peer::hello();
  request.set_protocol(kWireVersion + 1);
  wire::v1::CheckInReply reply;
  ASSERT_TRUE(peer.check_in(reply, request).ok());
  EXPECT_EQ(reply.reason(), wire::v1::WRONG_PROTOCOL);
  EXPECT_THAT(reply.message(), AllOf(HasSubstr(std::to_string(kWireVersion + 1)),
                                     HasSubstr("this coordinator " + std::to_string(kWireVersion))));
  wire::v1::CommitRequest commit;
  commit.set_protocol(kWireVersion + 1);
  wire::v1::CommitReply answer;
  EXPECT_EQ(peer.call(&wire::v1::Fleet::Stub::Commit, commit, answer).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(CoordinatorServerTest, ACertificateOfAnotherFleetIsRefused) {
  start();
  DeviceIdentity stranger = enrolled("device");
  TemporaryFolder elsewhere;
  init_fleet(elsewhere.file("fleet"), "127.0.0.1", "127.0.0.1:0", files_, clock_);
  const Authority other = Authority::load(elsewhere.file("fleet"), files_);
  const PrivateKey key = PrivateKey::generate();
  stranger.tls = {key.pem(), other.issue_device(key.get(), 1, clock_).pem(), stranger.tls.authority_pem};
  wire::v1::CheckInReply reply;
  EXPECT_EQ(Peer(stranger).check_in(reply).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CoordinatorServerTest, ARevokedDeviceIsRefusedAtItsNextCall) {
  start();
  std::map<std::string, std::unique_ptr<Peer>> peers;
  for (const std::string name : {"a", "b", "c", "d", "e"})
    peers[name] = std::make_unique<Peer>(enrolled(name));
  const auto tasks = tasks_of(peers);
  Peer& peer = *peers["a"];
  const std::string& id = peer.identity.device_id;
  std::string message;
  EXPECT_EQ(code_of([&] { revoke_device(database_path(dir()), "0123", 1); }), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(revoke_device(database_path(dir()), id, clock_.now_ms()));

  wire::v1::CheckInReply reply;
  const grpc::Status status = peer.check_in(reply);  // over the connection that it has
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr(id), HasSubstr("revoked")));
  Sha256 model;
  std::memcpy(model.data(), tasks.at("a").model().sha256().data(), model.size());
  EXPECT_EQ(code_of([&] { peer.chunks.download(model, folder_.file("x")); }), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code_of([&] { upload(peer, tasks.at("a"), as_bytes("x")); }), ErrorCode::kPermissionDenied);
  // Nor does it get a new certificate, with the old one or with a token.
  EXPECT_EQ(code_of([&] { renew(peer.identity, peer.channel, folder_.file("a"), files_); }),
            ErrorCode::kPermissionDenied);
  files_.remove(folder_.file("a/identity.toml"));
  EXPECT_EQ(code_of([&] { enrolled("a"); }), ErrorCode::kPermissionDenied);
  // The others stay.
  EXPECT_TRUE(peers["b"]->check_in(reply).ok());
  for (const DeviceView& d : FleetView(dir()).devices()) EXPECT_EQ(d.revoked_ms.has_value(), d.id == id);
  // A revocation outlives what the device said of itself before.
  server_.reset();
  for (const DeviceView& d : FleetView(dir()).devices()) EXPECT_EQ(d.revoked_ms.has_value(), d.id == id);
}

TEST_F(CoordinatorServerTest, ADeviceThatOnlyEnrolledCanBeRevoked) {
  start();
  Peer peer(enrolled("stolen"));
  EXPECT_FALSE(revoke_device(database_path(dir()), peer.identity.device_id, clock_.now_ms()));
  wire::v1::CheckInReply reply;
  EXPECT_EQ(peer.check_in(reply).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(FleetView(dir()).devices().empty());
  for (const CheckResult& r : check_connection(check_target(peer.identity), {}, clock_))
    if (r.name == "certificate") {
      EXPECT_EQ(r.outcome, CheckOutcome::kFailed);
      EXPECT_THAT(r.detail, HasSubstr("revoked"));
    } else {
      EXPECT_EQ(r.outcome, CheckOutcome::kPassed) << r.name << ": " << r.detail;
    }
}

TEST_F(CoordinatorServerTest, ACertificateThatExpiresDuringAConnectionIsRefused) {
  start();
  Peer peer(enrolled("device"));
  auto hello = Peer::hello();
  hello.set_hold_ms(0);
  wire::v1::CheckInReply reply;
  EXPECT_TRUE(peer.check_in(reply, hello).ok());
  clock_.advance_ms(int64_t{25} * 3600 * 1000);
  const grpc::Status status = peer.check_in(reply, hello);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("expired"));
}

TEST_F(CoordinatorServerTest, AnOccupiedPortIsAClearErrorAndLeavesTheFolderFree) {
  const Listener blocker("127.0.0.1", 0, {});
  const std::string port = std::to_string(blocker.port());
  const FleetConfig::Network free = config_.network;
  config_.network.port = blocker.port();
  EXPECT_THAT(start_error(ErrorCode::kUnavailable), AllOf(HasSubstr(port), HasSubstr("in use")));
  config_.network = free;
  config_.network.enrolment_port = blocker.port();
  EXPECT_THAT(start_error(ErrorCode::kUnavailable), AllOf(HasSubstr(port), HasSubstr("in use")));
  config_.network = free;
  config_.network.metrics_port = blocker.port();
  EXPECT_THAT(start_error(ErrorCode::kUnavailable), AllOf(HasSubstr("metrics"), HasSubstr(port)));
  config_.network = free;
  start();
}

TEST_F(CoordinatorServerTest, AFolderThatCannotBeUsedIsAClearError) {
  files_.write_atomic(join_path(dir(), "uploads"), {});  // no folder can be made there, whoever we are
  EXPECT_THAT(start_error(ErrorCode::kIo), HasSubstr("uploads"));
  files_.remove(join_path(dir(), "uploads"));
  files_.remove(join_path(dir(), "model.onnx"));
  EXPECT_THAT(start_error(ErrorCode::kNotFound), HasSubstr("model.onnx"));
}

TEST_F(CoordinatorServerTest, ARestartKeepsPortsAndMetricsAreServedOnLoopback) {
  start();
  const uint16_t fleet = server_->fleet_port(), enrolment = server_->enrolment_port();
  server_.reset();
  start();
  EXPECT_EQ(server_->fleet_port(), fleet);
  EXPECT_EQ(server_->enrolment_port(), enrolment);
  Peer peer(enrolled("device"));
  auto hello = Peer::hello();
  hello.set_hold_ms(0);
  wire::v1::CheckInReply reply;
  ASSERT_TRUE(peer.check_in(reply, hello).ok());

  const FileDescriptor connection = connect_tcp({"127.0.0.1", server_->metrics_port()}, 5000);
  ::fcntl(connection.get(), F_SETFL, ::fcntl(connection.get(), F_GETFL) & ~O_NONBLOCK);
  const std::string request = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(::send(connection.get(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::string text;
  char part[4096];
  for (ssize_t n; (n = ::recv(connection.get(), part, sizeof part, 0)) > 0;)
    text.append(part, static_cast<size_t>(n));
  EXPECT_THAT(text, HasSubstr("200 OK"));
  EXPECT_THAT(text, HasSubstr("dunlin_version 0"));
  EXPECT_THAT(text, HasSubstr("dunlin_check_ins_total{reason=\"NO_ROUND_OPEN\"} 1"));
}

}  // namespace
}  // namespace dunlin::fleet
