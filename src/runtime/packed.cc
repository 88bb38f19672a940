#include "runtime/packed.h"

namespace dunlin {

std::shared_ptr<const Tensor> PackedCache::get(const std::shared_ptr<const Tensor>& source,
                                               const std::string& kind, const std::function<Tensor()>& make) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[{source.get(), kind}];
  if (entry.source.lock() == source)
    if (auto packed = entry.packed.lock()) return packed;
  auto packed = std::make_shared<const Tensor>(make());
  entry = {source, packed};
  return packed;
}

}  // namespace dunlin
