// The round that is under way, in memory: what the store says, decoded, and the sum so far.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fleet/coordinator/artefacts.h"
#include "fleet/coordinator/inbox.h"
#include "fleet/store/store.h"
#include "fleet/strategies/sum.h"
#include "fleet/strategies/update_code.h"
#include "fleet/wire/fleet.pb.h"

namespace dunlin::fleet {

struct LiveRound {
  explicit LiveRound(RoundRow row);

  RoundRow row;
  wire::v1::Plan plan;
  std::vector<TensorCode> codes;
  std::map<std::string, TaskRow> tasks;              // by device
  std::vector<std::string> folded_since_checkpoint;  // task ids
  int64_t checkpoint = 0;
  std::string accumulator;  // hash of the last checkpoint's file; empty: none
  Sum sum;

  bool open() const { return row.state == "open"; }
  uint64_t count(const std::string& state) const;
  /// What this task's update may be at most.
  UpdateLimits limits(const TaskRow& task) const;
  /// Bytes of the largest update of this plan.
  uint64_t max_update_bytes() const;
  TaskRow* find(const std::string& task);
};

/// A round as the store has it; the sum comes from the last checkpoint and the accepted updates beyond it.
/// Throws kCorrupt or kNotFound when any of them is gone or damaged: the round can then not be completed.
LiveRound load_round(const RoundRow& row, Store& store, Artefacts& accumulators, UpdateInbox& inbox);

}  // namespace dunlin::fleet
