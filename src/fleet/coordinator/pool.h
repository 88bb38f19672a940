// The devices that would take part in the next round, and who of them does.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fleet/coordinator/settings.h"
#include "fleet/store/store.h"

namespace dunlin::fleet {

/// Not thread safe: the coordinator's mutex guards it.
class SelectionPool {
 public:
  explicit SelectionPool(const CoordinatorSettings& settings) : settings_(settings) {}

  /// A device that could train looked in; `held` while its check-in is kept open.
  void join(const DeviceRow& device, int64_t now_ms, bool held);
  void release(const std::string& device, int64_t now_ms);
  void leave(const std::string& device);

  /// Whether a round should begin: enough devices for a full selection; or a cohort, and nobody known is
  /// missing; or a quorum that has waited for the selection window (a quarter of it when nobody known is
  /// missing).
  bool ready(int64_t now_ms);
  /// When ready() may turn true by time alone; INT64_MAX when it cannot.
  int64_t ready_at_ms() const;
  /// Takes the selected devices out. Uniform at random, from (seed, round, attempt) and who is here only.
  std::vector<DeviceRow> select(uint64_t round, uint32_t attempt);

  size_t size() const { return waiting_.size(); }

 private:
  struct Entry {
    DeviceRow device;
    int64_t seen_ms = 0;
    int held = 0;
  };
  void forget_absent(int64_t now_ms);

  const CoordinatorSettings& settings_;
  std::map<std::string, Entry> waiting_;
  std::map<std::string, int64_t> known_;  // devices that train and when they were last seen; bounded
  int64_t quorum_since_ms_ = -1;
};

}  // namespace dunlin::fleet
