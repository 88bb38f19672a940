#include "graph/random_stream.h"

#include "base/bytes.h"

namespace dunlin {

namespace {

constexpr std::string_view kDrawsAs = "dunlin_draws_as";

/// Of the value whose name decides what the node draws.
std::string_view drawing_name(const Graph& graph, const Node& node) {
  if (const auto* name = find_attribute<std::string>(node, kDrawsAs)) return *name;
  std::string_view name;
  for (ValueId v : node.outputs)
    if (name.empty() && v != kNoValue) name = graph.value_name(v);
  return name;
}

}  // namespace

uint64_t random_stream(const Graph& graph, const Node& node) {
  const Sha256 hash = sha256(as_bytes(drawing_name(graph, node)));
  return load_le<uint64_t>(hash.data());
}

void draw_as(const Graph& graph, const Node& node, Node& copy) {
  copy.attributes[std::string(kDrawsAs)] = std::string(drawing_name(graph, node));
}

}  // namespace dunlin
