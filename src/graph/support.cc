#include "graph/support.h"

#include <map>

#include "graph/op.h"

namespace dunlin {

namespace {

void add_nodes(const Graph& g, std::vector<Unsupported>& out) {
  for (const Node& node : g.nodes) {
    try {
      op_of(g, node);
    } catch (const Error& e) {
      std::string name = node.name;
      for (ValueId v : node.outputs)
        if (name.empty() && v != kNoValue) name = g.value_name(v);
      out.push_back({op_name(node), std::move(name), e.what(), node.domain, g.opset_of(node)});
    }
    for (const auto& [key, a] : node.attributes)
      if (const GraphPtr* sub = std::get_if<GraphPtr>(&a)) add_nodes(**sub, out);
  }
}

}  // namespace

std::string op_name(const Node& node) { return node.domain.empty() ? node.op : node.domain + "." + node.op; }

std::vector<Unsupported> unsupported_parts(const Graph& g) {
  std::vector<Unsupported> out;
  for (ValueId v : g.inputs)
    if (!g.type(v).format)
      out.push_back(
          {"", g.value_name(v),
           fmt::format("input \"{}\" has no element type; export the model with one", g.value_name(v))});
  add_nodes(g, out);
  return out;
}

std::string UnsupportedGroup::sentence() const {
  return nodes > 1 ? fmt::format("{} nodes like {}", nodes, first.reason) : first.reason;
}

std::vector<UnsupportedGroup> by_op(const std::vector<Unsupported>& parts) {
  std::vector<UnsupportedGroup> out;
  std::map<std::string, size_t> place;
  for (const Unsupported& u : parts) {
    const auto [it, first] = place.try_emplace(u.op.empty() ? "\n" + u.node + u.reason : u.op, out.size());
    if (first) out.push_back({u});
    ++out[it->second].nodes;
  }
  return out;
}

int newest_opset(std::string_view domain) {
  if (domain.empty()) return kNewestOpset;
  return domain == "ai.onnx.ml" ? 5 : domain == "ai.onnx.preview.training" ? 1 : 0;
}

void check_supported(const Graph& g) {
  const std::vector<Unsupported> parts = unsupported_parts(g);
  if (parts.empty()) return;
  constexpr size_t kShown = 5;
  const std::vector<UnsupportedGroup> groups = by_op(parts);
  std::string text = groups[0].sentence();
  for (size_t i = 1; i < groups.size() && i < kShown; ++i) text += "; " + groups[i].sentence();
  if (groups.size() > kShown) text += fmt::format("; and {} more", groups.size() - kShown);
  throw Error(ErrorCode::kUnsupported, text);
}

}  // namespace dunlin
