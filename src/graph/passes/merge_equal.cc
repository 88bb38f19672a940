#include "graph/passes/merge_equal.h"

#include <algorithm>
#include <set>

#include "graph/op.h"

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

/// Constants that stand in for one another: what makes nodes differ are numbers and lists, not weights.
class Constants {
 public:
  Constants(const Graph& g, const std::set<ValueId>& variable) : g_(g), variable_(variable) {}

  /// The first constant met that equals `v`; `v` itself when it is none.
  ValueId same_as(ValueId v) {
    const Tensor* t = v == kNoValue || variable_.contains(v) ? nullptr : g_.initializer(v);
    if (!t || !is_plain(t->format()) || !t->is_row_major() || t->num_bytes() > kMostBytes) return v;
    const auto [it, fresh] = met_.try_emplace(t, v);
    if (!fresh) return it->second;
    const auto bytes = t->plane(Plane::kPayload);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    it->second =
        first_.try_emplace({t->format(), {t->shape().begin(), t->shape().end()}, text}, v).first->second;
    return it->second;
  }

 private:
  static constexpr uint64_t kMostBytes = 64 << 10;
  const Graph& g_;
  const std::set<ValueId>& variable_;
  std::unordered_map<const Tensor*, ValueId> met_;  // so that the bytes of each are read once
  /// Ordered, since a hash of bytes that a file gives could be made to collide.
  std::map<std::tuple<Format, std::vector<int64_t>, std::string_view>, ValueId> first_;
};

}  // namespace

Graph merge_equal_nodes(Graph g, const std::set<ValueId>& variable) {
  std::map<std::pair<std::string, std::vector<ValueId>>, std::vector<ValueId>> seen;
  std::unordered_map<ValueId, ValueId> replaced;
  Constants constants(g, variable);
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
