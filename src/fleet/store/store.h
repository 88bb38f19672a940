// What a coordinator must not forget. Every method that changes something is one transaction: it happened,
// durably, or it did not. Changes that depend on a state are conditional writes: they return false when the
// state moved on.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "fleet/store/sqlite.h"

namespace dunlin::fleet {

struct Evaluated {
  uint64_t examples = 0;
  double loss = 0, accuracy = 0;
};

struct ArtefactRow {
  std::string sha256;  // hex
  uint64_t size = 0;
  std::string kind;  // "model", "broadcast", "server_state"
};

struct PopulationRow {
  std::string name;
  uint64_t seed = 0;
  std::string strategy, strategy_params;
  uint64_t version = 0;
};

struct VersionRow {
  uint64_t number = 0;
  ArtefactRow model;
  std::optional<ArtefactRow> broadcast, server_state;
  std::optional<uint64_t> round;
  uint64_t updates = 0, weight = 0;
  int64_t created_ms = 0;
};

struct RoundRow {
  uint64_t number = 0;
  uint32_t attempt = 1;
  std::string state = "open";
  uint64_t base_version = 0;
  uint64_t seed = 0;
  uint64_t target = 0, quorum = 0;
  int64_t opened_ms = 0, deadline_ms = 0;
  std::optional<int64_t> closed_ms;
  std::string reason;
  Bytes plan;  // wire.v1.Plan
  uint64_t bytes_up = 0, bytes_down = 0;
};

struct TaskRow {
  std::string id;
  uint64_t round = 0;
  uint32_t attempt = 1;
  std::string device;
  std::string state = "assigned";
  int reason = 0;
  std::string message;
  int64_t assigned_ms = 0;
  uint64_t examples = 0;  // that the device had when it was selected
  std::string sha256;     // of the accepted upload
  uint64_t size = 0, weight = 0;
  std::optional<int64_t> checkpoint;
};

struct DeviceRow {
  std::string id, software;
  uint64_t train_examples = 0, evaluation_examples = 0;
  int64_t seen_ms = 0;
};

struct AcceptedUpdate {
  std::string task, sha256;
  uint64_t size = 0, weight = 0, clipped = 0;
  Evaluated training;
  std::optional<Evaluated> evaluation;  // of the round's base version, by the device
};

struct AccumulatorRow {
  int64_t checkpoint = 0;
  std::string sha256;
  uint64_t updates = 0;
};

/// Thread safe: one connection behind a mutex.
class Store {
 public:
  Store(const std::string& path, std::string population, const Database::Options& options = {});

  std::optional<PopulationRow> population();
  /// The population with its first version.
  void create_population(const PopulationRow& population, const VersionRow& first);

  VersionRow version(uint64_t number);
  std::optional<ArtefactRow> artefact(const std::string& sha256);
  std::optional<RoundRow> live_round();
  std::optional<RoundRow> last_round();
  std::optional<AccumulatorRow> accumulator(const RoundRow& round);
  std::vector<TaskRow> tasks(const RoundRow& round);
  std::optional<TaskRow> task(const std::string& id);
  /// Hashes of the files of this version and all later ones.
  std::set<std::string> artefacts_since(uint64_t version);
  /// Devices that evaluated a version; the coordinator itself is not among them.
  std::vector<std::string> evaluators(uint64_t version);

  void open_round(const RoundRow& round, const std::vector<TaskRow>& tasks,
                  const std::vector<DeviceRow>& devices);
  /// assigned -> accepted, while the round is open.
  bool accept_update(const AcceptedUpdate& update, int64_t now_ms);
  /// assigned -> `state` ("refused" or "failed").
  bool close_task(const std::string& task, const std::string& state, int reason, const std::string& message,
                  int64_t now_ms);
  /// These accepted tasks are in the accumulator of this hash from now on.
  void save_checkpoint(const RoundRow& round, const AccumulatorRow& row,
                       const std::vector<std::string>& tasks);
  /// open -> closing; tasks without an update are over.
  bool begin_closing(const RoundRow& round, int64_t now_ms);
  /// closing -> published, together with the version, its evaluation, and the population's pointer.
  void publish(const RoundRow& round, const VersionRow& version, const std::optional<Evaluated>& evaluation,
               int64_t now_ms);
  /// open or closing -> failed.
  void fail_round(const RoundRow& round, const std::string& reason, int64_t now_ms);

  void save_devices(const std::vector<DeviceRow>& devices);
  /// A device's own; it was seen then, too.
  void save_evaluation(uint64_t version, const std::string& device, const Evaluated& evaluation,
                       int64_t now_ms);

 private:
  void end_tasks(const RoundRow& round, int64_t now_ms);
  void write_event(const std::string& kind, std::optional<uint64_t> round, const std::string& device,
                   const std::string& detail, int64_t now_ms);
  void write_artefact(const ArtefactRow& row, int64_t now_ms);
  void write_version(const VersionRow& version);
  void write_device(const DeviceRow& device);
  void write_evaluation(uint64_t version, const std::string& device, const Evaluated& e, int64_t now_ms);
  std::optional<RoundRow> round_where(const char* condition);

  std::string population_;
  std::mutex mutex_;
  Database db_;
};

}  // namespace dunlin::fleet
