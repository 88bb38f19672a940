// The coordinator over mutual TLS on loopback, with devices that are threads: the whole of a round but the
// training.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "fleet/coordinator/service.h"
#include "fleet/coordinator/toy_fleet.h"
#include "fleet/identity/test_fleet.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/status.h"

namespace dunlin::fleet {
namespace {

constexpr uint64_t kLimit = 256 << 20;

struct NetworkFleet {
  explicit NetworkFleet(const CoordinatorSettings& settings, const NamedTensors& model)
      : uploads(folder.file("uploads"), kLimit, system_files()),
        inbox(uploads),
        coordinator(folder.path(), settings,
                    {system_clock(), system_files(), system_random(), codec, inbox, nullptr},
                    model.serialise()),
        chunks(coordinator, uploads, system_files()),
        device_of([this](const grpc::ServerContextBase& c) {
          return peer_device_id(c, fleet->authority.fleet_id(), system_clock().now_ms());
        }),
        chunk_service(chunks, chunks, device_of, kLimit),
        fleet_service(coordinator, device_of) {
    fleet = std::make_unique<TestFleet>(std::vector<grpc::Service*>{&chunk_service, &fleet_service});
    worker = std::thread([this] { coordinator.run(); });
  }
  ~NetworkFleet() {
    coordinator.stop();
    worker.join();
    fleet->fleet_server->shutdown(1000);
  }

  TemporaryFolder folder;
  FolderSink uploads;
  UploadInbox inbox;
  ToyCodec codec;
  Coordinator coordinator;
  CoordinatorChunks chunks;
  ChunkService::DeviceOf device_of;
  ChunkService chunk_service;
  FleetService fleet_service;
  std::unique_ptr<TestFleet> fleet;
  std::thread worker;
};

template <typename Request, typename Reply>
Reply call(wire::v1::Fleet::Stub& stub,
           grpc::Status (wire::v1::Fleet::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
           const Request& request) {
  grpc::ClientContext context;
  set_timeout(context, 60'000);
  Reply reply;
  check_status((stub.*method)(&context, request, &reply), "call");
  return reply;
}

// A device that adds a constant of its own to every value; until the fleet has finished.
void live(NetworkFleet& net, const DeviceIdentity& identity, const std::string& dir, float shift,
          uint64_t examples) {
  const auto channel = open_channel(identity.coordinator, identity.tls.authority_pem, &identity.tls, {});
  const auto stub = wire::v1::Fleet::NewStub(channel);
  ChunkClient chunks(channel, kLimit, system_files());
  for (;;) {
    auto hello = ToyFleet::hello(examples);
    hello.set_evaluation_examples(0);
    hello.set_hold_ms(20'000);
    const auto reply = call(*stub, &wire::v1::Fleet::Stub::CheckIn, hello);
    if (reply.reason() == wire::v1::FLEET_FINISHED) return;
    if (!reply.has_task()) continue;
    const wire::v1::Task& task = reply.task();
    const std::string model_path = dir + "/model", update_path = dir + "/update";
    Sha256 name;
    std::memcpy(name.data(), task.model().sha256().data(), name.size());
    chunks.download(name, model_path);
    NamedTensors model = net.codec.read(system_files().read(model_path));
    Update update;
    for (NamedTensor t : model) {
      for (float& v : t.values) v = shift;
      update.vectors.add(std::move(t));
    }
    update.weight = examples;
    const Bytes bytes = encode_update(task, update, {});
    system_files().write_atomic(update_path, bytes);
    chunks.upload(task.id(), task.attempt(), update_path);
    const auto commit = call(*stub, &wire::v1::Fleet::Stub::Commit, ToyFleet::commit_request(task, bytes));
    EXPECT_EQ(commit.reason(), wire::v1::UPDATE_ACCEPTED) << commit.message();
    const auto again = call(*stub, &wire::v1::Fleet::Stub::Commit, ToyFleet::commit_request(task, bytes));
    EXPECT_EQ(again.reason(), wire::v1::UPDATE_ACCEPTED) << again.message();
  }
}

NamedTensors run_fleet(size_t parameters, size_t devices, uint64_t rounds) {
  CoordinatorSettings settings;
  settings.rounds = rounds;
  settings.cohort = settings.quorum = devices;
  settings.over_selection = 1;
  settings.max_weight = 1000;
  NetworkFleet net(settings, toy_model(parameters));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < devices; ++i)
    threads.emplace_back([&net, i, identity = net.fleet->enrolled("device" + std::to_string(i))] {
      live(net, identity, net.fleet->folder.file("device" + std::to_string(i)), 0.01f * static_cast<float>(i),
           10 * (i + 1));
    });
  for (std::thread& t : threads) t.join();
  const VersionRow last = net.coordinator.store().version(rounds);
  EXPECT_EQ(last.updates, devices);
  const RoundRow round = *net.coordinator.store().last_round();
  EXPECT_GE(round.bytes_up, devices * parameters * 3);
  EXPECT_GE(round.bytes_down, devices * parameters * 4);
  return net.codec.read(system_files().read(net.coordinator.download(last.model.sha256).path));
}

void expect_eight_devices_to_learn(size_t parameters, uint64_t rounds) {
  const NamedTensors before = toy_model(parameters), after = run_fleet(parameters, 8, rounds);
  // sum i * 10 (i + 1) over sum 10 (i + 1), i < 8, in hundredths, for each round
  const double shift = static_cast<double>(rounds) * 0.01 * 168.0 / 36.0;
  for (size_t i = 0; i < parameters; i += 999)
    EXPECT_NEAR(after.at("w").values[i], double{before.at("w").values[i]} + shift,
                1e-6 * static_cast<double>(rounds));
}

TEST(Network, EightDevicesLearnOverTls) { expect_eight_devices_to_learn(100'000, 2); }
TEST(SoakNetwork, EightDevicesLearnALargeModelForManyRounds) { expect_eight_devices_to_learn(1'600'000, 40); }

TEST(Network, AnUploadForNoTaskIsRefused) {
  CoordinatorSettings settings;
  NetworkFleet net(settings, toy_model());
  const DeviceIdentity identity = net.fleet->enrolled("state");
  const auto channel = open_channel(identity.coordinator, identity.tls.authority_pem, &identity.tls, {});
  ChunkClient chunks(channel, kLimit, system_files());
  system_files().write_atomic(net.folder.file("x"), as_bytes("x"));
  std::string message;
  EXPECT_EQ(code_of([&] { chunks.upload("r1a1-0", 1, net.folder.file("x")); }, &message),
            ErrorCode::kFailedPrecondition);
  EXPECT_NE(message.find("UNKNOWN_TASK"), std::string::npos) << message;
  // Nor can anything but a model be fetched.
  EXPECT_EQ(code_of([&] { chunks.download(Sha256{}, net.folder.file("y")); }), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace dunlin::fleet
