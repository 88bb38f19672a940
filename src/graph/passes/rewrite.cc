#include "graph/passes/rewrite.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/broadcast_axis.h"

namespace dunlin {

Rewrite::Rewrite(Graph& graph, const std::set<ValueId>& variable)
    : g_(graph),
      variable_(variable),
      producer_(producers(graph)),
      reads_(use_counts(graph)),
      readers_(graph.values.size()),
      outputs_(graph.outputs.begin(), graph.outputs.end()) {
  for (size_t i = 0; i < g_.nodes.size(); ++i) list_reads(i);
}

void Rewrite::list_reads(size_t node) {
  const std::vector<ValueId>& inputs = g_.nodes[node].inputs;
  for (size_t k = 0; k < inputs.size(); ++k)
    if (inputs[k] != kNoValue)
      readers_[static_cast<size_t>(inputs[k])].push_back({static_cast<int>(node), k});
}

bool Rewrite::still_reads(const Read& read, ValueId v) const {
  const std::vector<ValueId>& inputs = g_.nodes[static_cast<size_t>(read.node)].inputs;
  return read.input < inputs.size() && inputs[read.input] == v;
}

const Node* Rewrite::maker(ValueId v, std::string_view op) const {
  const size_t at = static_cast<size_t>(v);
  if (v == kNoValue || at >= producer_.size() || producer_[at] < 0) return nullptr;
  const Node& n = g_.nodes[static_cast<size_t>(producer_[at])];
  return n.op == op && n.domain.empty() && !ops::has_broadcast_axis(NodeView(g_, n)) ? &n : nullptr;
}

const Node* Rewrite::sole_maker(ValueId v, std::string_view op) const {
  const Node* n = maker(v, op);
  return n && reads(v) == 1 ? n : nullptr;
}

Node* Rewrite::sole_reader(ValueId v) {
  if (reads(v) != 1 || is_output(v)) return nullptr;
  for (const Read& read : readers_[static_cast<size_t>(v)])
    if (still_reads(read, v)) return &g_.nodes[static_cast<size_t>(read.node)];
  return nullptr;
}

const Tensor* Rewrite::constant(ValueId v) const {
  return v == kNoValue || variable_.contains(v) ? nullptr : g_.initializer(v);
}

std::optional<double> Rewrite::number(ValueId v) const {
  const Tensor* t = constant(v);
  if (!t || t->num_elements() != 1 || t->format()->kind != FormatDef::Kind::kFloat) return std::nullopt;
  return to_scalar(*t);
}

bool Rewrite::is_number(ValueId v, double value) const {
  const auto n = number(v);
  return n && std::fabs(*n - value) <= 1e-6 * std::fabs(value);
}

ValueId Rewrite::beside(const Node* node, double value) const {
  if (!node || node->inputs.size() != 2) return kNoValue;
  for (size_t i : {0u, 1u})
    if (is_number(node->inputs[1 - i], value)) return node->inputs[i];
  return kNoValue;
}

std::optional<std::vector<int>> Rewrite::kept_axes(const Node& reduction) const {
  const NodeView a(g_, reduction);
  const auto& shape = g_.type(reduction.inputs[0]).shape;
  if (!shape || a.attr_int("keepdims", 1) == 0) return std::nullopt;
  std::vector<int64_t> axes = a.attr_ints("axes");
  if (a.has_input(1)) {
    const Tensor* t = constant(reduction.inputs[1]);
    if (!t) return std::nullopt;
    axes = to_ints(*t);
  }
  if (axes.empty()) return std::nullopt;
  std::vector<int> out;
  for (int64_t axis : axes) out.push_back(a.normalize_axis(axis, shape->rank()));
  std::ranges::sort(out);
  return out;
}

bool Rewrite::same_type(ValueId a, ValueId b) const {
  const Type &x = g_.type(a), &y = g_.type(b);
  return x.format && x.format == y.format && x.shape && y.shape && *x.shape == *y.shape &&
         std::ranges::find(*x.shape, kUnknownDim) == x.shape->end();
}

void Rewrite::count(const Node& node, int by) {
  for (ValueId v : node.inputs)
    if (v != kNoValue) reads_[static_cast<size_t>(v)] += by;
}

bool Rewrite::can_replace(const Node& root, std::span<const Node* const> parts,
                          std::span<const ValueId> inputs) const {
  const std::set<const Node*> inside(parts.begin(), parts.end());
  std::map<ValueId, int> read_inside;
  const auto add = [&](const Node& n) {
    for (ValueId v : n.inputs) ++read_inside[v];
  };
  add(root);
  for (const Node* n : inside) add(*n);
  for (const Node* n : inside)
    for (ValueId v : n->outputs)
      if (v != kNoValue && (reads(v) != read_inside[v] || std::ranges::find(inputs, v) != inputs.end()))
        return false;
  return true;
}

bool Rewrite::replace(const Node& root, std::span<const Node* const> parts, Node with) {
  if (!can_replace(root, parts, with.inputs)) return false;
  producer_.resize(g_.values.size(), -1);
  reads_.resize(g_.values.size(), 0);
  readers_.resize(g_.values.size());
  for (const Node* n : std::set<const Node*>(parts.begin(), parts.end())) {
    count(*n, -1);
    Node& gone = g_.nodes[index(*n)];
    gone = Node{};  // remove_dead takes it away
  }
  count(root, -1);
  Node& place = g_.nodes[index(root)];
  with.name = place.name;
  with.outputs = place.outputs;
  place = std::move(with);
  count(place, 1);
  list_reads(index(place));
  return true;
}

void Rewrite::read_instead(const Node& node, size_t i, ValueId v) {
  ValueId& in = g_.nodes[index(node)].inputs[i];
  --reads_[static_cast<size_t>(in)];
  ++reads_[static_cast<size_t>(v)];
  readers_[static_cast<size_t>(v)].push_back({static_cast<int>(index(node)), i});
  in = v;
}

void Rewrite::bypass(const Node& node, ValueId v) {
  const ValueId old = node.outputs[0];
  DUNLIN_CHECK(!is_output(old) && old != v);
  for (const Read& read : readers_[static_cast<size_t>(old)])
    if (still_reads(read, old)) read_instead(g_.nodes[static_cast<size_t>(read.node)], read.input, v);
}

Node new_node(std::string op, std::vector<ValueId> inputs, Attributes attributes, std::string_view domain) {
  return {.op = std::move(op),
          .domain = std::string(domain),
          .name = "",
          .attributes = std::move(attributes),
          .inputs = std::move(inputs),
          .outputs = {},
          .opset = domain.empty() ? kNewestOpset : 1};
}

}  // namespace dunlin
