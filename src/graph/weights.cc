#include "graph/weights.h"

#include <algorithm>
#include <set>

#include "tensor/formats.h"

namespace dunlin {

bool is_parameter_input(const Node& node, size_t i) {
  static const std::map<std::string_view, std::pair<size_t, size_t>> kParameters = {
      {"Conv", {1, 2}},
      {"ConvTranspose", {1, 2}},
      {"Gemm", {1, 2}},
      {"MatMul", {0, 1}},
      {"BatchNormalization", {1, 2}},
      {"LayerNormalization", {1, 2}},
      {"GroupNormalization", {1, 2}},
      {"InstanceNormalization", {1, 2}},
      {"RMSNormalization", {1, 1}},
      {"PRelu", {1, 1}},
      {"LSTM", {1, 3}},
      {"GRU", {1, 3}},
      {"RNN", {1, 3}}};
  const auto it = kParameters.find(node.op);
  return it != kParameters.end() && i >= it->second.first && i <= it->second.second;
}

std::vector<ValueId> find_weights(const Graph& g) {
  std::set<ValueId> seen;
  std::vector<ValueId> out;
  for (const Node& node : g.nodes)
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      const Tensor* t = v == kNoValue ? nullptr : g.initializer(v);
      if (!t || t->format() != &formats::kF32 || seen.contains(v)) continue;
      if (node.op == "BatchNormalization" && i >= 3) continue;
      // Scales are calibrated, not trained.
      if ((node.op == "QuantizeLinear" || node.op == "DequantizeLinear") && i > 0) continue;
      // A lone number beside Mul or Add is more often a constant that an exporter wrote (1/sqrt(2), an epsilon).
      if (t->num_elements() < (is_parameter_input(node, i) ? 1 : 2)) continue;
      seen.insert(v);
      out.push_back(v);
    }
  return out;
}

void lift_constants(Graph& g) {
  const bool has_weights = !find_weights(g).empty();
  const std::vector<int> producer = producers(g);
  const auto constant = [&](ValueId v) -> TensorPtr {
    const int p = v == kNoValue ? -1 : producer[static_cast<size_t>(v)];
    if (p < 0) return nullptr;
    const Node& node = g.nodes[static_cast<size_t>(p)];
    if (node.op != "Constant" || !node.domain.empty() || node.outputs.size() != 1) return nullptr;
    const TensorPtr* value = find_attribute<TensorPtr>(node, "value");
    return value && *value && (*value)->format() == &formats::kF32 ? *value : nullptr;
  };
  std::set<ValueId> lifted;
  std::vector<bool> weighed(g.values.size(), false);  // comes from an op with parameters
  for (const Node& node : g.nodes) {
    const bool statistics = node.op == "BatchNormalization";
    bool after = std::ranges::any_of(
        node.inputs, [&](ValueId v) { return v != kNoValue && weighed[static_cast<size_t>(v)]; });
    // Before the first parameter such a constant is rather a mean or deviation of the data.
    const bool line = after && (node.op == "Add" || node.op == "Mul");
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const bool parameter = is_parameter_input(node, i);
      if (!(statistics && i > 0) && (has_weights || !(parameter || line))) continue;
      if (!constant(node.inputs[i])) continue;
      lifted.insert(node.inputs[i]);
      after = after || parameter;
    }
    if (after)
      for (ValueId v : node.outputs)
        if (v != kNoValue) weighed[static_cast<size_t>(v)] = true;
  }
  for (ValueId v : lifted) {
    const TensorPtr value = constant(v);
    g.initializers[v] = value;
    g.values[static_cast<size_t>(v)].type = {.format = value->format(), .shape = value->shape()};
  }
  std::erase_if(g.nodes, [&](const Node& node) {
    return node.op == "Constant" && node.outputs.size() == 1 && lifted.contains(node.outputs[0]);
  });
}

}  // namespace dunlin
