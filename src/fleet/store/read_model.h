// What `dunlin fleet status|rounds|devices` show: read beside a running coordinator, or without one.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fleet/store/store.h"

namespace dunlin::fleet {

/// One attempt at a round.
struct RoundView {
  uint64_t round = 0;
  uint32_t attempt = 0;
  std::string state, reason;
  uint64_t devices = 0, accepted = 0, refused = 0, failed = 0, training = 0;  // tasks
  uint64_t target = 0, quorum = 0, examples = 0;
  int64_t opened_ms = 0, deadline_ms = 0;
  std::optional<int64_t> closed_ms;
  uint64_t bytes_up = 0, bytes_down = 0;
  std::optional<uint64_t> version;      // what it published
  std::optional<Evaluated> held_out;    // of that version: the coordinator's set
  std::optional<Evaluated> on_devices;  // the mean over devices' own held-out data, by examples
};

struct DeviceView {
  std::string id, software;
  uint64_t train_examples = 0, evaluation_examples = 0;
  int64_t first_seen_ms = 0, last_seen_ms = 0;
  uint64_t accepted = 0, refused = 0, failed = 0, late = 0;
  std::string last_task_state, last_reason;  // of its newest task; the reason by its wire name
  std::optional<int64_t> revoked_ms;
};

struct StatusView {
  std::string population, strategy;
  uint64_t version = 0;
  std::string model_sha256;
  uint64_t devices = 0, devices_seen_lately = 0;  // within ten minutes
  uint64_t rounds_published = 0, rounds_failed = 0;
  std::optional<Evaluated> held_out, on_devices;  // of the newest version
  std::optional<RoundView> live;
  std::optional<RoundView> last_failure;  // when the newest round failed and is not tried again yet
};

class FleetView {
 public:
  /// Throws kNotFound when no coordinator has run in `dir` yet.
  explicit FleetView(const std::string& dir);

  StatusView status(int64_t now_ms);
  /// Newest first.
  std::vector<RoundView> rounds(uint64_t limit = 1000);
  /// Last seen first.
  std::vector<DeviceView> devices(uint64_t limit = 1000);

 private:
  std::vector<RoundView> rounds_where(const std::string& condition, uint64_t limit);
  std::optional<Evaluated> held_out(uint64_t version);
  std::optional<Evaluated> on_devices(uint64_t version);
  Database db_;
  std::string population_, strategy_;
};

nlohmann::json to_json(const RoundView& round);
nlohmann::json to_json(const DeviceView& device);
nlohmann::json to_json(const StatusView& status);

}  // namespace dunlin::fleet
