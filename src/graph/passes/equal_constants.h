// Constants with the same bytes under several names, as exporters write them.
#pragma once

#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "graph/ir.h"

namespace dunlin {

/// Constants that stand in for one another; those beyond `max_bytes` are left alone. Borrows the graph, whose constants
/// stay meanwhile, and the set of those that are no constants.
class EqualConstants {
 public:
  EqualConstants(const Graph& g, const std::set<ValueId>& variable, uint64_t max_bytes = UINT64_MAX)
      : g_(g), variable_(variable), max_bytes_(max_bytes) {}
  /// The first constant met that equals `v`; `v` itself when it is none.
  ValueId same_as(ValueId v);

 private:
  const Graph& g_;
  const std::set<ValueId>& variable_;
  const uint64_t max_bytes_;
  std::unordered_map<const Tensor*, ValueId> met_;  // so that the bytes of each are read once
  /// Ordered, since a hash of bytes that a file gives could be made to collide.
  std::map<std::tuple<Format, std::vector<int64_t>, std::string_view>, ValueId> first_;
};

}  // namespace dunlin
