#include "graph/autodiff/gradient_path.h"

#include <algorithm>
#include <deque>

#include "graph/op.h"

namespace dunlin {

namespace {

size_t at(ValueId v) { return static_cast<size_t>(v); }

bool carries_gradient(const Graph& g, const OpDef& op, ValueId output) {
  if (op.stops_gradient || output == kNoValue) return false;
  const Format f = g.type(output).format;
  return !f || f->kind == FormatDef::Kind::kFloat;
}

bool reads(const Graph& g, const Node& node, const std::vector<bool>& values) {
  const OpDef& op = op_of(g, node);
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (const ValueId v = node.inputs[i]; v != kNoValue && !op.reads_only_shape(i) && values[at(v)])
      return true;
  return false;
}

/// Values that `to` is computed from, itself included.
std::vector<bool> behind(const Graph& g, ValueId to) {
  std::vector<bool> live(g.values.size(), false);
  live[at(to)] = true;
  for (size_t n = g.nodes.size(); n-- > 0;) {
    const Node& node = g.nodes[n];
    if (std::none_of(node.outputs.begin(), node.outputs.end(),
                     [&](ValueId v) { return v != kNoValue && live[at(v)]; }))
      continue;
    for (ValueId v : node.inputs)
      if (v != kNoValue) live[at(v)] = true;
  }
  return live;
}

}  // namespace

std::vector<bool> reached_by_gradients(const Graph& g, std::span<const ValueId> wrt) {
  std::vector<bool> reached(g.values.size(), false);
  for (ValueId v : wrt) reached[at(v)] = true;
  for (const Node& node : g.nodes) {
    const OpDef& op = op_of(g, node);
    if (op.stops_gradient || !reads(g, node, reached)) continue;
    for (ValueId v : node.outputs)
      if (carries_gradient(g, op, v)) reached[at(v)] = true;
  }
  return reached;
}

std::string path_from_weight(const Graph& g, const Node& node, std::span<const ValueId> wrt, ValueId last) {
  const std::vector<bool> reached = reached_by_gradients(g, wrt);
  const std::vector<int> producer = producers(g);
  const auto is_weight = [&](ValueId v) { return std::find(wrt.begin(), wrt.end(), v) != wrt.end(); };
  // Breadth first from the node back; `next` leads forward again.
  std::vector<ValueId> next(g.values.size(), kNoValue);
  std::vector<bool> seen(g.values.size(), false);
  std::deque<ValueId> queue;
  const auto visit = [&](ValueId v, ValueId from) {
    if (v == kNoValue || !reached[at(v)] || seen[at(v)]) return;
    seen[at(v)] = true;
    next[at(v)] = from;
    queue.push_back(v);
  };
  for (ValueId v : node.inputs)
    if (last == kNoValue || v == last) visit(v, kNoValue);
  while (!queue.empty() && !is_weight(queue.front())) {
    const ValueId v = queue.front();
    queue.pop_front();
    if (producer[at(v)] < 0) continue;
    for (ValueId in : g.nodes[at(producer[at(v)])].inputs) visit(in, v);
  }
  if (queue.empty()) return describe(g, node);
  std::vector<std::string> steps{"weight \"" + g.value_name(queue.front()) + "\""};
  for (ValueId v = next[at(queue.front())]; v != kNoValue; v = next[at(v)])
    steps.push_back(describe(g, g.nodes[at(producer[at(v)])]));
  steps.push_back(describe(g, node));
  constexpr size_t kHead = 4, kTail = 5;
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps.size() > kHead + kTail + 1 && i == kHead) {
      text += fmt::format(" -> ({} nodes)", steps.size() - kHead - kTail);
      i = steps.size() - kTail;
    }
    text += (text.empty() ? "" : " -> ") + steps[i];
  }
  return text;
}

std::string why_not_reached(const Graph& g, ValueId loss, ValueId weight) {
  const std::vector<bool> live = behind(g, loss);
  if (!live[at(weight)]) return "the loss does not depend on it";
  const std::vector<bool> reached = reached_by_gradients(g, std::span(&weight, 1));
  for (const Node& node : g.nodes) {
    if (!reads(g, node, reached)) continue;
    const OpDef& op = op_of(g, node);
    for (ValueId v : node.outputs)
      if (v != kNoValue && live[at(v)] && !carries_gradient(g, op, v))
        return fmt::format("no gradient passes {} (path: {})", describe(g, node),
                           path_from_weight(g, node, std::span(&weight, 1)));
  }
  return "the loss depends on its shape only";
}

}  // namespace dunlin
