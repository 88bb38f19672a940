#include "graph/exporter_parameters.h"

#include <algorithm>

#include "graph/passes/inline_functions.h"
#include "graph/weights.h"

namespace dunlin {

namespace {

/// Whether a weight that the exporter reshaped may stand there. Scale and bias of normalisations are never reshaped:
/// unnamed ones are the ones and zeros of a layer without them, or of GroupNormalization spelled by another.
bool takes_reshaped_weight(const Node& node, size_t i, const Tensor& t) {
  if (is_parameter_input(node, i)) return !node.op.ends_with("Normalization");
  // Per channel, as the scale and bias of GroupNormalization; not a mask or a grid.
  const auto wide = std::ranges::count_if(t.shape().dims(), [](int64_t d) { return d != 1; });
  return (node.op == "Mul" || node.op == "Add") && wide == 1;
}

std::set<ValueId> places_of_reshaped_weights(const Graph& g) {
  std::set<ValueId> out;
  for (const Node& node : g.nodes)
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (const Tensor* t = node.inputs[i] == kNoValue ? nullptr : g.initializer(node.inputs[i]))
        if (takes_reshaped_weight(node, i, *t)) out.insert(node.inputs[i]);
  return out;
}

void make_constants(Graph& g, const std::vector<ValueId>& values) {
  std::vector<Node> nodes;
  for (const ValueId v : values) {
    nodes.push_back({.op = "Constant",
                     .domain = "",
                     .name = "",
                     .attributes = {{"value", g.initializers.at(v)}},
                     .inputs = {},
                     .outputs = {v}});
    g.initializers.erase(v);
  }
  g.nodes.insert(g.nodes.begin(), std::make_move_iterator(nodes.begin()),
                 std::make_move_iterator(nodes.end()));
}

}  // namespace

GraphSignature parse_graph_signature(std::string_view text) {
  constexpr std::string_view kTarget = " target='";
  GraphSignature out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t colon = line.find(": "), target = line.find(kTarget), end = line.rfind('\'');
    if (colon == std::string_view::npos || target == std::string_view::npos || target < colon + 2) continue;
    const size_t start = target + kTarget.size();
    if (end <= start) continue;  // not closed, or empty
    const bool parameter = line.substr(colon + 2, target - colon - 2) == "PARAMETER";
    (parameter ? out.parameters : out.others).insert(line.substr(start, end - start));
  }
  return out;
}

ExporterConstants hold_constants(Model& model) {
  if (model.metadata.contains(std::string(kHeld))) return {};
  const auto entry = model.metadata.extract(std::string(kGraphSignature));
  Graph& g = model.graph;
  if (entry.empty() || !g.opsets.contains("")) {
    lift_constants(g);
    return {};
  }
  model.metadata[std::string(kHeld)] = "held";
  const GraphSignature signature = parse_graph_signature(entry.mapped());
  const Graph inlined = inline_functions(model);  // initialisers keep their numbers
  ExporterConstants out;
  const auto has = [&](std::string_view op) {
    return std::ranges::any_of(inlined.nodes, [&](const Node& node) { return node.op == op; });
  };
  out.batch_norm_folded =
      std::ranges::any_of(signature.others, [](std::string_view s) { return s.ends_with("running_mean"); }) &&
      !has("BatchNormalization");

  const auto found = static_cast<size_t>(std::ranges::count_if(
      g.initializers, [&](const auto& i) { return signature.parameters.contains(g.value_name(i.first)); }));
  if (found == 0) return out;
  const std::set<ValueId> reshaped =
      found < signature.parameters.size() ? places_of_reshaped_weights(inlined) : std::set<ValueId>();
  std::vector<ValueId> constants;
  for (const ValueId v : find_weights(inlined)) {
    const std::string& name = inlined.value_name(v);
    if (signature.parameters.contains(name) || !g.initializer(v)) continue;
    if (!signature.others.contains(name) && reshaped.contains(v)) continue;
    constants.push_back(v);
    out.names.push_back(name);
    out.elements += static_cast<uint64_t>(g.initializer(v)->num_elements());
  }
  make_constants(g, constants);
  return out;
}

}  // namespace dunlin
