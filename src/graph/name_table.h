// Names for new values of a pass that makes many: Graph::unused_name goes over all values for each.
#pragma once

#include <fmt/format.h>

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "graph/ir.h"

namespace dunlin {

class NameTable {
 public:
  NameTable() = default;
  /// Of a graph whose values get new names from here alone; it is looked at when the first is asked for.
  explicit NameTable(const Graph& graph) : graph_(&graph) {}

  void add(const Graph& graph) {
    for (const Value& v : graph.values) used_.insert(v.name);
  }

  /// `base`, or `base_2`, ...: in use from now on.
  std::string unused(const std::string& base) {
    if (graph_) add(*graph_);
    graph_ = nullptr;
    std::string name = base;
    if (used_.insert(name).second) return name;
    // Where the last search ended: thousands may ask with one base.
    int& i = next_.try_emplace(base, 2).first->second;
    do name = fmt::format("{}_{}", base, i++);
    while (!used_.insert(name).second);
    return name;
  }

 private:
  const Graph* graph_ = nullptr;
  std::unordered_set<std::string> used_;
  std::unordered_map<std::string, int> next_;
};

}  // namespace dunlin
