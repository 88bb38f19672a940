#include "runtime/packed.h"

#include <algorithm>

#include "graph/graph_bytes.h"

namespace dunlin {

/// A tensor and its share of what is held: both go at once.
struct PackedCache::Counted {
  Tensor tensor;
  std::shared_ptr<const void> held;
};

std::shared_ptr<const Tensor> PackedCache::get(const std::shared_ptr<const Tensor>& source,
                                               const std::string& kind, const std::function<Tensor()>& make) {
  std::lock_guard lock(mutex_);
  if (const auto it = entries_.find({source.get(), kind});
      it != entries_.end() && it->second.source.lock() == source)
    if (auto packed = it->second.packed.lock()) return packed;
  auto counted = std::make_shared<Counted>(make());
  counted->held = hold(counted->tensor.num_bytes());
  std::shared_ptr<const Tensor> packed(counted, &counted->tensor);
  if (entries_.size() >= most_entries_) {
    std::erase_if(entries_, [](const auto& item) { return item.second.packed.expired(); });
    most_entries_ = std::max(most_entries_, 2 * entries_.size());
  }
  entries_[{source.get(), kind}] = {source, packed};
  return packed;
}

std::shared_ptr<const void> PackedCache::hold(uint64_t bytes) {
  *held_ += bytes;
  std::shared_ptr<const void> held(held_.get(), [bytes, all = held_](const void*) { *all -= bytes; });
  check_model_bytes(*held_, max_bytes_);
  return held;
}

uint64_t PackedCache::bytes_left() const { return max_bytes_ - std::min<uint64_t>(max_bytes_, *held_); }

}  // namespace dunlin
