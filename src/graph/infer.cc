#include "graph/infer.h"

#include <algorithm>

namespace dunlin {

namespace {

/// The inputs' values where they are known; of an input of which only the shape is read, a tensor without
/// bytes.
bool gather_known(const Graph& g, const Node& node, const OpDef& op, const std::set<ValueId>& variable,
                  std::vector<const Tensor*>& constants, std::vector<Tensor>& shape_only) {
  bool all = true;
  constants.assign(node.inputs.size(), nullptr);
  shape_only.clear();
  shape_only.reserve(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId v = node.inputs[i];
    if (v == kNoValue) continue;
    if (!variable.contains(v)) constants[i] = g.initializer(v);
    if (constants[i]) continue;
    const Type& t = g.type(v);
    if (op.reads_only_shape(i) && t.format && t.shape && t.shape->known()) {
      shape_only.push_back(Tensor::over(t.format, *t.shape, row_major_strides(*t.shape), nullptr));
      constants[i] = &shape_only.back();
    } else {
      all = false;
    }
  }
  return all;
}

/// Bytes of all these outputs; none when one is not a plain tensor of known shape.
std::optional<uint64_t> bytes_of(const std::vector<Type>& types) {
  uint64_t sum = 0;
  for (const Type& t : types) {
    if (!t.format || !is_plain(t.format) || !t.shape || !t.shape->known() || t.kind != Type::Kind::kTensor)
      return std::nullopt;
    sum += static_cast<uint64_t>(t.shape->num_elements()) * static_cast<uint64_t>(element_bytes(t.format));
  }
  return sum;
}

}  // namespace

Graph infer_and_fold(Graph g, const InferOptions& options) {
  for (ValueId v : g.inputs) {
    const auto it = options.input_shapes.find(g.value_name(v));
    if (it != options.input_shapes.end()) g.values[static_cast<size_t>(v)].type.shape = it->second;
  }
  std::vector<Node> kept;
  uint64_t folded_bytes = 0;
  for (Node& node : g.nodes) {
    const OpDef& op = op_of(g, node);
    std::vector<const Tensor*> constants;
    std::vector<Tensor> shape_only;
    const bool all_known = gather_known(g, node, op, options.variable, constants, shape_only);
    std::vector<Type> in_types;
    for (ValueId v : node.inputs) in_types.push_back(v == kNoValue ? Type{} : g.type(v));
    std::vector<Type> out_types = infer_node(g, node, in_types, constants);
    const auto bytes = all_known && !op.random ? bytes_of(out_types) : std::nullopt;
    const bool fold = bytes && *bytes <= options.max_folded_bytes - folded_bytes &&
                      std::none_of(node.attributes.begin(), node.attributes.end(),
                                   [](const auto& a) { return std::holds_alternative<GraphPtr>(a.second); });
    std::vector<Tensor> results;
    if (fold) {
      results = run_reference(g, node, constants);
      folded_bytes += *bytes;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId v = node.outputs[i];
      if (v == kNoValue) continue;
      Type& type = g.values[static_cast<size_t>(v)].type;
      if (out_types[i].format) type.format = out_types[i].format;
      // What a file says of a value between nodes is only a claim: an op that does not know overrules it.
      type.shape = std::move(out_types[i].shape);
      type.kind = out_types[i].kind;
      if (fold) g.initializers[v] = std::make_shared<const Tensor>(std::move(results[i]));
    }
    if (!fold) kept.push_back(std::move(node));
  }
  g.nodes = std::move(kept);
  return g;
}

Graph remove_dead(Graph g) {
  std::vector<char> live(g.values.size(), 0);
  const auto mark = [&](ValueId v) {
    if (v != kNoValue) live[static_cast<size_t>(v)] = 1;
  };
  for (ValueId v : g.outputs) mark(v);
  std::vector<char> keep(g.nodes.size(), 0);
  for (size_t i = g.nodes.size(); i-- > 0;) {
    const Node& node = g.nodes[i];
    keep[i] = std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](ValueId v) { return v != kNoValue && live[static_cast<size_t>(v)]; });
    if (!keep[i]) continue;
    for (ValueId v : node.inputs) mark(v);
    for (const auto& [name, attribute] : node.attributes)
      if (const GraphPtr* sub = std::get_if<GraphPtr>(&attribute))
        for (ValueId inner : (*sub)->captured) mark(g.find((*sub)->value_name(inner)));
  }
  std::vector<Node> nodes;
  for (size_t i = 0; i < g.nodes.size(); ++i)
    if (keep[i]) nodes.push_back(std::move(g.nodes[i]));
  g.nodes = std::move(nodes);
  std::erase_if(g.initializers, [&](const auto& item) { return !live[static_cast<size_t>(item.first)]; });
  return g;
}

}  // namespace dunlin
