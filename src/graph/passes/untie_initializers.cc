#include "graph/passes/untie_initializers.h"

#include <map>
#include <set>

namespace dunlin {

void untie_initializers(Graph& g) {
  std::vector<int> reads = use_counts(g);
  const std::set<ValueId> outputs(g.outputs.begin(), g.outputs.end());
  std::map<ValueId, ValueId> same;
  std::vector<Node> kept;
  for (Node& node : g.nodes) {
    for (ValueId& v : node.inputs)
      if (const auto it = same.find(v); it != same.end()) v = it->second;
    const bool alias = node.op == "Identity" && node.domain.empty() && node.inputs.size() == 1 &&
                       node.outputs.size() == 1 && node.outputs[0] != kNoValue &&
                       g.initializer(node.inputs[0]) != nullptr;
    if (!alias) {
      kept.push_back(std::move(node));
      continue;
    }
    const ValueId from = node.inputs[0], to = node.outputs[0];
    if (reads[static_cast<size_t>(from)] == 1 && !outputs.contains(to)) {
      same[to] = from;
      reads[static_cast<size_t>(from)] = reads[static_cast<size_t>(to)];
      continue;
    }
    const TensorPtr tensor = g.initializers.at(from);
    g.initializers[to] = tensor;
    g.values[static_cast<size_t>(to)].type = {.format = tensor->format(), .shape = tensor->shape()};
  }
  g.nodes = std::move(kept);
}

}  // namespace dunlin
