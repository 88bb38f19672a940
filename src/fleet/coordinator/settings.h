// What a coordinator is told about its one population; fleet.toml says it (fleet/config.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "fleet/config.h"

namespace dunlin::fleet {

struct CoordinatorSettings {
  std::string population = "default";
  std::string strategy = "FedAvg";
  std::map<std::string, std::string> strategy_params;
  uint64_t seed = 1;

  uint64_t rounds = 10;
  uint64_t cohort = 8;          // updates a round waits for
  double over_selection = 1.3;  // devices asked, as a multiple of cohort
  uint64_t quorum = 6;          // updates needed at the deadline
  int64_t deadline_ms = 600'000;
  int64_t pace_ms = 10'000;  // how often an idle device looks in
  int64_t selection_window_ms =
      20'000;  // how long a round waits for its full selection once a quorum is there

  uint32_t epochs = 1, batch = 32;
  std::string optimizer = "sgd";
  double learning_rate = 0.05, momentum = 0.9, weight_decay = 0;
  bool device_evaluation = true;

  int code_bits = 24;
  uint64_t max_weight = 1 << 20;  // examples of one update that count
  uint64_t max_update_bytes = uint64_t{4} << 30;
  uint64_t keep_versions = 10;     // whose files stay; 0: all
  uint64_t checkpoint_every = 64;  // accepted updates per accumulator checkpoint
  size_t max_held = 128;           // check-ins held open at once
  int64_t max_hold_ms = 30'000;

  /// Devices asked for a round.
  uint64_t selection() const;
  /// Throws kInvalidArgument naming the setting.
  void check() const;
};

CoordinatorSettings settings_from(const FleetConfig& config);

/// The round's seed: depends on the fleet's seed and the round's number only, so that a retried round is the
/// same.
uint64_t round_seed(uint64_t fleet_seed, uint64_t round);

}  // namespace dunlin::fleet
