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
  if (!find_weights(g).empty()) return;
  const auto value_of = [](const Node& node) -> TensorPtr {
    if (node.op != "Constant" || !node.domain.empty()) return nullptr;
    const TensorPtr* value = find_attribute<TensorPtr>(node, "value");
    return value && *value && (*value)->format() == &formats::kF32 ? *value : nullptr;
  };
  const std::vector<int> producer = producers(g);
  const auto is_lifted_parameter = [&](const Node& node) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      const int p = v == kNoValue ? -1 : producer[static_cast<size_t>(v)];
      if (p >= 0 && is_parameter_input(node, i) && value_of(g.nodes[static_cast<size_t>(p)])) return true;
    }
    return false;
  };
  if (std::ranges::none_of(g.nodes, is_lifted_parameter)) return;
  std::erase_if(g.nodes, [&](const Node& node) {
    const TensorPtr value = value_of(node);
    if (!value) return false;
    g.initializers[node.outputs[0]] = value;
    g.values[static_cast<size_t>(node.outputs[0])].type = {.format = value->format(),
                                                           .shape = value->shape()};
    return true;
  });
}

}  // namespace dunlin
