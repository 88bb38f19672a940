// Constants in the form that a kernel reads (packed panels, other layouts), made once and shared by all plans
// and sessions that use them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "dunlin/tensor.h"

namespace dunlin {

class PackedCache {
 public:
  /// The tensor made from `source` by `make`; `kind` names what `make` does. Thread safe.
  std::shared_ptr<const Tensor> get(const std::shared_ptr<const Tensor>& source, const std::string& kind,
                                    const std::function<Tensor()>& make);

 private:
  struct Entry {
    std::weak_ptr<const Tensor> source;  // an address may be used again by another tensor
    std::weak_ptr<const Tensor> packed;
  };
  std::mutex mutex_;
  std::map<std::pair<const Tensor*, std::string>, Entry> entries_;
};

}  // namespace dunlin
