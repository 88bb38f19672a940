#include "graph/passes/merge_equal.h"

#include <algorithm>
#include <set>

#include "graph/op.h"
#include "graph/passes/equal_constants.h"

namespace dunlin {

namespace {

/// Everything that decides what a node computes, but its inputs; none where two equal nodes may differ.
std::optional<std::string> signature(const Graph& g, const Node& n) {
  if (op_of(g, n).random) return std::nullopt;
  std::string text = fmt::format("{}.{} {} {}", n.domain, n.op, g.opset_of(n), n.outputs.size());
  for (const auto& [name, value] : n.attributes) {
    text += fmt::format(" {}:{}=", name, value.index());
    const bool plain = std::visit(
        [&]<typename T>(const T& v) {
          if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>)
            text += fmt::format("{}", v);
          else if constexpr (std::is_same_v<T, TensorPtr>)
            text += fmt::format("{}", static_cast<const void*>(v.get()));
          else if constexpr (std::is_same_v<T, GraphPtr> || std::is_same_v<T, Type> ||
                             std::is_same_v<T, AttributeRef>)
            return false;
          else
            for (const auto& element : v) {
              if constexpr (std::is_same_v<T, std::vector<std::string>>)  // it may hold commas
                text += fmt::format("{}:", element.size());
              text += fmt::format("{},", element);
            }
          return true;
        },
        value);
    if (!plain) return std::nullopt;
  }
  return text;
}

}  // namespace

Graph merge_equal_nodes(Graph g, const std::set<ValueId>& variable) {
  std::map<std::pair<std::string, std::vector<ValueId>>, std::vector<ValueId>> seen;
  std::unordered_map<ValueId, ValueId> replaced;
  // What makes nodes differ are numbers and lists, not weights.
  constexpr uint64_t kMaxConstantBytes = 64 << 10;
  EqualConstants constants(g, variable, kMaxConstantBytes);
  const std::set<ValueId> outputs(g.outputs.begin(), g.outputs.end());
  std::vector<Node> kept;
  for (Node& n : g.nodes) {
    for (ValueId& v : n.inputs) {
      const auto it = replaced.find(v);
      v = it != replaced.end() ? it->second : constants.same_as(v);
    }
    const bool makes_output =
        std::any_of(n.outputs.begin(), n.outputs.end(), [&](ValueId v) { return outputs.contains(v); });
    const auto s = signature(g, n);
    if (s) {
      const auto [it, first] = seen.try_emplace({*s, n.inputs}, n.outputs);
      bool same_outputs = !first && !makes_output;
      for (size_t i = 0; same_outputs && i < n.outputs.size(); ++i)
        same_outputs = n.outputs[i] == kNoValue || it->second[i] != kNoValue;
      if (same_outputs) {
        for (size_t i = 0; i < n.outputs.size(); ++i)
          if (n.outputs[i] != kNoValue) replaced[n.outputs[i]] = it->second[i];
        continue;
      }
    }
    kept.push_back(std::move(n));
  }
  g.nodes = std::move(kept);
  return g;
}

}  // namespace dunlin
