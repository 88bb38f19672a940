#include "graph/passes/fold_batch_norm.h"

#include <cmath>

#include "graph/infer.h"
#include "graph/name_table.h"

namespace dunlin {

namespace {

/// Inputs [first, last) of the node as constants of f32; empty when one is not.
std::vector<const Tensor*> constants(const Graph& g, const Node& node, size_t first, size_t last,
                                     const std::set<ValueId>& variable) {
  std::vector<const Tensor*> out;
  for (size_t i = first; i < last; ++i) {
    const ValueId v = i < node.inputs.size() ? node.inputs[i] : kNoValue;
    const Tensor* t = v == kNoValue || variable.contains(v) ? nullptr : g.initializer(v);
    if (!t || t->format() != &formats::kF32 || !t->is_row_major()) return {};
    out.push_back(t);
  }
  return out;
}

bool by_stored_statistics(const NodeView& bn) {
  if (bn.node().op != "BatchNormalization" || !bn.node().domain.empty()) return false;
  if (bn.opset() >= 14) return bn.attr_int("training_mode", 0) == 0 && bn.num_outputs() == 1;
  return bn.num_outputs() == 1 && (bn.opset() >= 7 || bn.attr_int("is_test", 0) != 0);
}

}  // namespace

Graph fold_batch_norm(Graph g, const std::set<ValueId>& variable) {
  const std::vector<int> producer = producers(g), uses = use_counts(g);
  std::vector<char> dead(g.nodes.size(), 0);
  NameTable names(g);
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const NodeView bn(g, g.nodes[i]);
    if (!by_stored_statistics(bn)) continue;
    const ValueId x = g.nodes[i].inputs[0];
    const int p = producer[static_cast<size_t>(x)];
    if (p < 0 || uses[static_cast<size_t>(x)] != 1) continue;
    const Node conv = g.nodes[static_cast<size_t>(p)];
    if (conv.op != "Conv" || !conv.domain.empty()) continue;
    const auto line = constants(g, g.nodes[i], 1, 5, variable);
    const auto weight = constants(g, conv, 1, 2, variable);
    const bool has_bias = conv.inputs.size() > 2 && conv.inputs[2] != kNoValue;
    const auto bias = has_bias ? constants(g, conv, 2, 3, variable) : std::vector<const Tensor*>{};
    if (line.empty() || weight.empty() || (has_bias && bias.empty())) continue;
    const int64_t channels = weight[0]->shape()[0];
    bool fits = true;
    for (const Tensor* t : line) fits &= t->num_elements() == channels;
    if (!fits || channels == 0) continue;
    auto w = std::make_shared<Tensor>(weight[0]->clone());
    auto b = std::make_shared<Tensor>(&formats::kF32, Shape{channels});
    const double epsilon = static_cast<double>(bn.attr_float("epsilon", 1e-5f));
    const int64_t each = w->num_elements() / channels;
    for (int64_t c = 0; c < channels; ++c) {
      const auto at = [&](const Tensor* t) { return static_cast<double>(t->data<float>()[c]); };
      const double factor = at(line[0]) / std::sqrt(at(line[3]) + epsilon);
      for (int64_t k = c * each; k < (c + 1) * each; ++k)
        w->data<float>()[k] = static_cast<float>(static_cast<double>(w->data<float>()[k]) * factor);
      const double old = has_bias ? at(bias[0]) : 0;
      b->data<float>()[c] = static_cast<float>((old - at(line[2])) * factor + at(line[1]));
    }
    const std::string base = g.value_name(conv.inputs[1]);
    Node folded = conv;
    folded.inputs = {conv.inputs[0], g.add_initializer(names.unused(base + "/folded"), std::move(w)),
                     g.add_initializer(names.unused(base + "/folded_bias"), std::move(b))};
    folded.outputs = g.nodes[i].outputs;
    folded.opset = g.opset_of(conv);
    dead[static_cast<size_t>(p)] = 1;
    g.nodes[i] = std::move(folded);
  }
  std::vector<Node> kept;
  for (size_t i = 0; i < g.nodes.size(); ++i)
    if (!dead[i]) kept.push_back(std::move(g.nodes[i]));
  g.nodes = std::move(kept);
  return remove_dead(std::move(g));
}

}  // namespace dunlin
