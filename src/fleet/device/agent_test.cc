// A device's side of rounds, in one process with a real coordinator on loopback: what a full disk does to it.
#include "fleet/device/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "fleet/coordinator_server.h"
#include "fleet/model/onnx_codec.h"
#include "fleet/setup.h"
#include "fleet/store/read_model.h"
#include "fleet/test_full_disk.h"
#include "fleet/test_support.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "learn/task.h"
#include "learn/testing/memory_dataset.h"

namespace dunlin::fleet {
namespace {

using dunlin::testing::MemoryDataset;

/// Two classes of 4x4 "images" as values.
DatasetPtr toy_data(int samples, const std::vector<std::string>& names = {"low", "high"}) {
  Philox rng(4);
  std::vector<MemoryDataset::Row> rows;
  for (int i = 0; i < samples; ++i) {
    MemoryDataset::Row row{.class_index = i % 2};
    for (int k = 0; k < 16; ++k)
      row.input.push_back(static_cast<float>(rng.normal() * 0.1) + static_cast<float>(i % 2));
    rows.push_back(std::move(row));
  }
  return std::make_shared<MemoryDataset>(std::move(rows), names);
}

dunlin::Model toy_model() {
  dunlin::Model model = find_architecture("mlp").build({.classes = 2, .height = 4, .width = 4, .seed = 1});
  write_task({.input = {1, 4, 4}, .labels = {"low", "high"}}, model.metadata);
  return model;
}

/// A coordinator that publishes one round of one device, and a place for that device.
struct LoneDevice {
  explicit LoneDevice(FileSystem& device_files) : files(device_files) {
    init_logging(true);
    FleetConfig config = init_fleet(dir(), "127.0.0.1", "127.0.0.1:0", system_files(), system_clock());
    config.round = {.rounds = 1, .cohort_size = 1, .over_selection = 1, .quorum = 1, .pace_s = 1};
    config.evaluation.on_devices = false;
    save_onnx(toy_model(), join_path(dir(), "model.onnx"));
    server = std::make_unique<CoordinatorServer>(
        dir(), config,
        CoordinatorServer::Parts{
            .files = system_files(), .clock = system_clock(), .random = system_random(), .codec = codec});
    const NewToken token = make_token(dir(), 1, 60'000, system_files(), system_clock(), system_random());
    identity = enroll(parse_token(token.text), state(), {}, system_files(), system_clock());
  }
  std::string dir() const { return folder.file("fleet"); }
  std::string state() const { return folder.file("device"); }

  /// Until the fleet has finished, or `stop`.
  bool run(const DatasetPtr& data, const TaskRunner::OnEvent& on_event, std::stop_token stop = {}) {
    ModelStore models(state(), files);
    TaskRunner tasks(state(), {data, nullptr}, std::make_shared<ThreadPool>(1), models, files,
                     system_clock());
    Agent agent(*identity, state(), {files, system_clock(), tasks, models, {}});
    return agent.run(stop, on_event, [](uint64_t, const std::string&) {});
  }
  Bytes published() {
    return system_files().read(join_path(join_path(dir(), "artefacts"),
                                         FleetView(dir()).status(system_clock().now_ms()).model_sha256));
  }

  FileSystem& files;
  TemporaryFolder folder;
  OnnxCodec codec;
  std::unique_ptr<CoordinatorServer> server;
  std::optional<DeviceIdentity> identity;
};

TEST(Agent, AFullDiskDelaysAndLosesNothing) {
  FullDisk counting;
  LoneDevice undisturbed(counting);
  ASSERT_TRUE(undisturbed.run(toy_data(40), [](const DeviceEvent&) {}));
  ASSERT_GE(counting.writes, 4);  // two models, which of them is current, an update
  for (int k = 0; k < counting.writes; ++k) {
    FullDisk disk;
    disk.writes_left = k;
    LoneDevice device(disk);
    int complaints = 0;
    EXPECT_TRUE(device.run(toy_data(40), [&](const DeviceEvent& e) {
      if (e.kind != DeviceEvent::Kind::kUnreachable) return;
      EXPECT_THAT(e.text, ::testing::HasSubstr("No space left on device"));
      ++complaints;
      disk.writes_left = INT32_MAX;
    })) << k;
    EXPECT_EQ(complaints, 1) << k;
    EXPECT_EQ(device.published(), undisturbed.published()) << "full at write " << k;
    const RoundView round = FleetView(device.dir()).rounds().at(0);
    EXPECT_EQ(round.attempt, 1u) << k;
    EXPECT_EQ(round.accepted, 1u) << k;
  }
}

TEST(Agent, DataThatDoNotFitTheModelAreToldAndKeepNoRoundWaiting) {
  LoneDevice device(system_files());
  std::string why;
  std::stop_source stop;
  EXPECT_FALSE(device.run(
      toy_data(40, {"low", "purple"}),
      [&](const DeviceEvent& e) {
        if (e.kind == DeviceEvent::Kind::kCannotLearn) why = e.text;
        if (e.kind == DeviceEvent::Kind::kWaiting) {
          EXPECT_EQ(e.text, "NO_TRAINING_DATA");
          stop.request_stop();
        }
      },
      stop.get_token()));
  EXPECT_THAT(why, ::testing::HasSubstr("label \"purple\" is not in the model's label map (low, high)"));
  // What failed names neither file nor label to the coordinator.
  for (const RoundView& r : FleetView(device.dir()).rounds()) EXPECT_EQ(r.accepted, 0u);
  // With the data put right it learns.
  EXPECT_TRUE(device.run(toy_data(40), [](const DeviceEvent&) {}));
}

TEST(Agent, StopsAtOnceWhileItWaits) {
  LoneDevice device(system_files());
  std::stop_source stop;
  // Its share is empty, so it waits; the pace is a second, a held look twenty.
  const double begin = monotonic_seconds();
  EXPECT_FALSE(device.run(
      nullptr,
      [&](const DeviceEvent& e) {
        if (e.kind == DeviceEvent::Kind::kWaiting) stop.request_stop();
      },
      stop.get_token()));
  EXPECT_LT(monotonic_seconds() - begin, 15);
}

TEST(ModelStore, RemembersWhatItRanAndForgetsDamage) {
  TemporaryFolder folder;
  FileSystem& files = system_files();
  ModelStore store(folder.path(), files);
  EXPECT_FALSE(store.current());
  const std::string models = folder.file("models"), text = "a model";
  files.make_directories(models);
  const Sha256 name = sha256(as_bytes(text));
  files.write_atomic(models + "/" + to_hex(name) + ".onnx", as_bytes(text));
  files.write_atomic(models + "/older.onnx", as_bytes(text));
  store.set_current(7, name);
  EXPECT_FALSE(files.exists(models + "/older.onnx"));
  const auto current = ModelStore(folder.path(), files).current();
  ASSERT_TRUE(current);
  EXPECT_EQ(current->version, 7u);
  EXPECT_EQ(current->sha256, name);
  EXPECT_EQ(as_chars(files.read(current->path)), text);
  files.write_atomic(current->path, as_bytes("a mode"));
  EXPECT_FALSE(store.current()) << "not the bytes that the coordinator signed for";
  for (const char* bad : {"", "7", "x y", "7 zz"}) {
    files.write_atomic(models + "/current", as_bytes(bad));
    EXPECT_FALSE(store.current()) << bad;
  }
}

}  // namespace
}  // namespace dunlin::fleet
