// Constants in the form that a kernel reads (packed panels, other layouts), made once and shared by all plans
// and sessions that use them.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "dunlin/tensor.h"

namespace dunlin {

class PackedCache {
 public:
  /// All together, and what is held beside them, may take that much.
  explicit PackedCache(uint64_t max_bytes = UINT64_MAX) : max_bytes_(max_bytes) {}
  /// The tensor made from `source` by `make`; `kind` names what `make` does. Throws kResourceExhausted when all
  /// together are too many bytes. Thread safe.
  std::shared_ptr<const Tensor> get(const std::shared_ptr<const Tensor>& source, const std::string& kind,
                                    const std::function<Tensor()>& make);
  /// Counts what the model takes beside, and constants that a plan made of its, as long as what is returned lives.
  /// Throws as get() does.
  std::shared_ptr<const void> hold(uint64_t bytes);
  /// What is left for the values of runs.
  uint64_t bytes_left() const;
  /// Of it, what folding may take: a part, because a value that is not folded needs memory only while it is read.
  uint64_t bytes_to_fold() const { return bytes_left() / 4; }

 private:
  struct Entry {
    std::weak_ptr<const Tensor> source;  // an address may be used again by another tensor
    std::weak_ptr<const Tensor> packed;
  };
  struct Counted;

  const uint64_t max_bytes_;
  /// Shared by what is counted, which may live longer than this.
  std::shared_ptr<std::atomic<uint64_t>> held_ = std::make_shared<std::atomic<uint64_t>>(0);
  std::mutex mutex_;
  size_t most_entries_ = 64;  // before those that are gone are looked for
  std::map<std::pair<const Tensor*, std::string>, Entry> entries_;
};

}  // namespace dunlin
