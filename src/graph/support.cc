#include "graph/support.h"

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

void check_supported(const Graph& g) {
  const std::vector<Unsupported> parts = unsupported_parts(g);
  if (parts.empty()) return;
  constexpr size_t kShown = 5;
  std::string text = parts[0].reason;
  for (size_t i = 1; i < parts.size() && i < kShown; ++i) text += "; " + parts[i].reason;
  if (parts.size() > kShown) text += fmt::format("; and {} more", parts.size() - kShown);
  throw Error(ErrorCode::kUnsupported, text);
}

}  // namespace dunlin
