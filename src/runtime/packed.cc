#include "runtime/packed.h"

#include <algorithm>

#include "graph/graph_bytes.h"

namespace dunlin {

std::shared_ptr<const Tensor> PackedCache::get(const std::shared_ptr<const Tensor>& source,
                                               const std::string& kind, const std::function<Tensor()>& make) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[{source.get(), kind}];
  if (entry.source.lock() == source)
    if (auto packed = entry.packed.lock()) return packed;
  auto packed = std::make_shared<const Tensor>(make());
  entry = {source, packed};
  packed_ += packed->num_bytes();
  check();
  return packed;
}

void PackedCache::check() {
  if (packed_ + *held_ > max_bytes_) {
    std::erase_if(entries_, [](const auto& item) { return item.second.packed.expired(); });
    packed_ = 0;
    for (const auto& [key, entry] : entries_)
      if (const auto packed = entry.packed.lock()) packed_ += packed->num_bytes();
  }
  check_model_bytes(packed_ + *held_, max_bytes_);
}

std::shared_ptr<const void> PackedCache::hold(uint64_t bytes) {
  *held_ += bytes;
  std::shared_ptr<const void> held(held_.get(), [bytes, all = held_](const void*) { *all -= bytes; });
  std::lock_guard lock(mutex_);
  check();
  return held;
}

uint64_t PackedCache::bytes_left() const {
  std::lock_guard lock(mutex_);
  return max_bytes_ - std::min(max_bytes_, packed_ + *held_);
}

}  // namespace dunlin
