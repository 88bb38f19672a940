#include "fleet/coordinator/pool.h"

#include <algorithm>

#include "base/random.h"

namespace dunlin::fleet {

namespace {
constexpr int kAbsentAfterPaces = 3;
constexpr size_t kMaxKnown = 10'000;  // beyond, a fleet is large enough not to wait for anybody by name
constexpr uint64_t kSelectionStream = uint64_t{0x73656c656374} << 16;
}  // namespace

void SelectionPool::join(const DeviceRow& device, int64_t now_ms, bool held) {
  Entry& e = waiting_[device.id];
  e.device = device;
  e.seen_ms = now_ms;
  e.held += held;
  if (known_.size() < kMaxKnown || known_.contains(device.id)) known_[device.id] = now_ms;
  if (quorum_since_ms_ < 0 && waiting_.size() >= settings_.quorum) quorum_since_ms_ = now_ms;
}

void SelectionPool::release(const std::string& device, int64_t now_ms) {
  const auto it = waiting_.find(device);
  if (it == waiting_.end()) return;
  it->second.held = std::max(0, it->second.held - 1);
  it->second.seen_ms = now_ms;
}

void SelectionPool::leave(const std::string& device) {
  waiting_.erase(device);
  known_.erase(device);
}

void SelectionPool::forget_absent(int64_t now_ms) {
  const int64_t oldest = now_ms - kAbsentAfterPaces * settings_.pace_ms;
  std::erase_if(waiting_, [&](const auto& e) { return e.second.held == 0 && e.second.seen_ms < oldest; });
  std::erase_if(known_, [&](const auto& e) { return e.second < oldest && !waiting_.contains(e.first); });
  if (waiting_.size() < settings_.quorum) quorum_since_ms_ = -1;
}

bool SelectionPool::ready(int64_t now_ms) {
  forget_absent(now_ms);
  if (waiting_.size() >= settings_.selection()) return true;
  if (waiting_.size() >= settings_.cohort && waiting_.size() >= known_.size()) return true;
  return quorum_since_ms_ >= 0 && now_ms >= ready_at_ms();
}

int64_t SelectionPool::ready_at_ms() const {
  if (quorum_since_ms_ < 0) return INT64_MAX;
  const bool nobody_missing = waiting_.size() >= known_.size();
  return quorum_since_ms_ + settings_.selection_window_ms / (nobody_missing ? 4 : 1);
}

std::vector<DeviceRow> SelectionPool::select(uint64_t round, uint32_t attempt) {
  std::vector<std::string> ids;  // in the map's order, whatever the order of arrival was
  for (const auto& [id, entry] : waiting_) ids.push_back(id);
  Philox rng(settings_.seed, kSelectionStream ^ (round << 8) ^ attempt);
  shuffle(std::span(ids), rng);
  ids.resize(std::min<size_t>(ids.size(), settings_.selection()));
  std::sort(ids.begin(), ids.end());
  std::vector<DeviceRow> selected;
  for (const std::string& id : ids) {
    selected.push_back(waiting_.at(id).device);
    waiting_.erase(id);
  }
  quorum_since_ms_ = -1;
  return selected;
}

}  // namespace dunlin::fleet
