// A fleet without a network for tests: a toy model, devices that are functions, a clock that stands still.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "fleet/coordinator/coordinator.h"
#include "fleet/coordinator/service.h"
#include "fleet/strategies/update_code.h"
#include "fleet/test_support.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

/// The toy artefact is the tensors' own bytes.
class ToyCodec final : public ModelCodec {
 public:
  NamedTensors read(ByteSpan artefact) override { return NamedTensors::parse(artefact); }
  Bytes write(ByteSpan, const NamedTensors& tensors) override { return tensors.serialise(); }
};

/// Loss is the mean square of the first tensor.
class ToyEvaluator final : public Evaluator {
 public:
  Evaluated evaluate(ByteSpan artefact) override {
    ++calls;
    const NamedTensors model = NamedTensors::parse(artefact);
    double sum = 0;
    for (const float v : model.begin()->values) sum += double{v} * v;
    return {10, sum / static_cast<double>(model.begin()->values.size()), 0.5};
  }
  int calls = 0;
};

class ToyRandom final : public SecureRandom {
 public:
  void fill(std::span<std::byte> out) override {
    std::lock_guard lock(mutex_);
    for (std::byte& b : out) b = static_cast<std::byte>(rng_.next_u32());
  }

 private:
  std::mutex mutex_;
  Philox rng_{1};
};

/// The real inbox, with a place to step in.
class ToyInbox final : public UpdateInbox {
 public:
  ToyInbox(const std::string& dir, FileSystem& files)
      : uploads(dir, uint64_t{1} << 30, files), inbox_(uploads), dir_(dir), files_(files) {}
  ReceivedUpdate read(const TaskRow& task, uint64_t max) override {
    if (const auto first = taken(before_next_read)) first();
    ReceivedUpdate update = inbox_.read(task, max);
    if (const auto then = taken(after_next_read)) then();
    return update;
  }
  bool seal(const TaskRow& task, const Sha256& hash) override { return inbox_.seal(task, hash); }
  void discard(const TaskRow& task) override { inbox_.discard(task); }
  void keep_only(const std::vector<TaskRow>& tasks) override { inbox_.keep_only(tasks); }
  std::vector<std::string> list() { return files_.list(dir_); }

  FolderSink uploads;
  /// Run once, between a commit's look at the round, its look at the upload, and its answer. Set before the threads
  /// that commit.
  std::function<void()> before_next_read, after_next_read;

 private:
  std::function<void()> taken(std::function<void()>& hook) {
    const std::lock_guard lock(mutex_);  // commits of several devices run at once
    return std::exchange(hook, {});
  }

  std::mutex mutex_;
  UploadInbox inbox_;
  std::string dir_;
  FileSystem& files_;
};

/// Chunks far smaller than a device would make, so that a toy update has several.
inline Manifest toy_manifest(ByteSpan data) {
  Manifest m;
  m.sha256 = sha256(data);
  m.size = data.size();
  m.chunk_size = 4096;
  for (uint64_t at = 0; at < m.size; at += m.chunk_size)
    m.chunks.push_back(sha256(data.subspan(at, std::min<uint64_t>(m.chunk_size, m.size - at))));
  return m;
}

inline NamedTensors toy_model(size_t n = 2500) {
  Philox rng(42);
  std::vector<float> w(n);
  for (float& v : w) v = static_cast<float>(rng.normal());
  return NamedTensors({{"w", {static_cast<int64_t>(n)}, Role::kParameter, std::move(w)},
                       {"mean", {3}, Role::kStatistic, {0, 0, 0}}});
}

/// What a device would have learned: a function of (model, device, round seed) only, as real training is.
class ToyTrainer final : public LocalTrainer {
 public:
  ToyTrainer(const std::string& device, uint64_t seed, uint64_t examples)
      : rng_(seed, std::hash<std::string>()(device)), examples_(examples) {}
  LocalResult train(const NamedTensors& start) override {
    LocalResult r;
    for (NamedTensor t : start) {
      for (float& v : t.values) v += static_cast<float>(rng_.normal() * 0.01) - 0.05f * v;
      r.tensors.add(std::move(t));
    }
    r.examples = examples_;
    r.metrics = {examples_, 1.0, 0.5};
    return r;
  }

 private:
  Philox rng_;
  uint64_t examples_;
};

inline Bytes toy_update(const std::string& device, const wire::v1::Task& task, const NamedTensors& model,
                        uint64_t examples) {
  ToyTrainer trainer(device, task.plan().seed(), examples);
  const auto strategy = make_strategy(task.plan().strategy(), {});
  const Model m{model, ""};
  const NamedTensors none;
  const Update u = strategy->client({task.round(), task.plan().seed(), m, none, none}, trainer);
  return encode_update(task, u, {5, 0.7, 0.4});
}

struct ToyFleet {
  explicit ToyFleet(std::string folder, FileSystem& f = system_files()) : dir(std::move(folder)), files(f) {
    settings.rounds = 3;
    settings.cohort = 4;
    settings.quorum = 3;
    settings.over_selection = 1;
    settings.deadline_ms = 60'000;
    settings.pace_ms = 1'000;
    settings.selection_window_ms = 2'000;
    settings.max_weight = 1000;
  }

  void start(const Database::Options& database = {}) {
    chunks.reset();
    coordinator.reset();
    inbox = std::make_unique<ToyInbox>(join_path(dir, "uploads"), files);
    coordinator = std::make_unique<Coordinator>(
        dir, settings, CoordinatorParts{clock, files, random, codec, *inbox, &evaluator},
        first_model.serialise(), database);
    chunks = std::make_unique<CoordinatorChunks>(*coordinator, inbox->uploads, files);
  }

  static wire::v1::CheckInRequest hello(uint64_t examples = 40) {
    wire::v1::CheckInRequest r;
    r.set_protocol(kWireVersion);
    r.set_software("toy");
    r.mutable_capabilities()->add_strategies("FedAvg");
    r.set_train_examples(examples);
    r.set_evaluation_examples(5);
    return r;
  }
  wire::v1::CheckInReply check_in(const std::string& device) {
    return coordinator->check_in(device, hello());
  }

  /// Everybody looks in, a round opens, and the tasks are handed out.
  std::map<std::string, wire::v1::Task> open(const std::vector<std::string>& devices) {
    for (const std::string& d : devices) check_in(d);
    coordinator->tick();
    std::map<std::string, wire::v1::Task> tasks;
    for (const std::string& d : devices)
      if (const auto reply = check_in(d); reply.has_task()) tasks[d] = reply.task();
    return tasks;
  }

  NamedTensors model(const wire::v1::Task& task) {
    return codec.read(files.read(coordinator->download(to_hex(as_bytes(task.model().sha256()))).path));
  }
  NamedTensors newest() {
    return codec.read(files.read(
        coordinator->download(coordinator->store().version(coordinator->version()).model.sha256).path));
  }
  Bytes update(const std::string& device, const wire::v1::Task& task) {
    return toy_update(device, task, model(task),
                      10 + device.size() + static_cast<uint64_t>(device.back()) % 7);
  }
  static wire::v1::CommitRequest commit_request(const wire::v1::Task& task, ByteSpan bytes) {
    wire::v1::CommitRequest r;
    r.set_protocol(kWireVersion);
    r.set_task(task.id());
    r.set_attempt(task.attempt());
    const Sha256 hash = sha256(bytes);
    r.set_sha256(std::string(as_chars(hash)));
    r.set_size(bytes.size());
    return r;
  }
  /// As over the network: the chunks that are missing.
  void upload(const std::string& device, const wire::v1::Task& task, ByteSpan bytes) {
    const UploadKey key{device, task.id(), task.attempt()};
    const Manifest manifest = toy_manifest(bytes);
    for (const uint32_t i : chunks->begin(key, manifest))
      chunks->put(key, i, bytes.subspan(manifest.offset(i), manifest.chunk_bytes(i)));
    chunks->missing(key);
  }
  wire::v1::CommitReply send(const std::string& device, const wire::v1::Task& task, ByteSpan bytes) {
    try {
      upload(device, task, bytes);
    } catch (const Error& e) {  // the commit says why
      if (e.code() != ErrorCode::kFailedPrecondition) throw;
    }
    return coordinator->commit(device, commit_request(task, bytes));
  }
  wire::v1::CommitReply send(const std::string& device, const wire::v1::Task& task) {
    return send(device, task, update(device, task));
  }

  std::string dir;
  FileSystem& files;
  ManualClock clock;
  ToyRandom random;
  ToyCodec codec;
  ToyEvaluator evaluator;
  CoordinatorSettings settings;
  NamedTensors first_model = toy_model();
  std::unique_ptr<ToyInbox> inbox;
  std::unique_ptr<Coordinator> coordinator;
  std::unique_ptr<CoordinatorChunks> chunks;
};

inline const std::vector<std::string> kFour = {"a", "b", "c", "d"};

/// A test with a fleet in a folder of its own.
class CoordinatorTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  ToyFleet fleet_{folder_.path()};

  std::string round_reason() { return fleet_.coordinator->store().last_round()->reason; }
  std::string round_state() { return fleet_.coordinator->store().last_round()->state; }
};

}  // namespace dunlin::fleet
