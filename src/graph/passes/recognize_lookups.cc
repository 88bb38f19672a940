#include "graph/passes/recognize_lookups.h"

#include <algorithm>

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/name_table.h"
#include "graph/passes/quantized_values.h"

namespace dunlin {

namespace {

constexpr size_t kMaxNodes = 16;

constexpr std::string_view kElementwise[] = {
    "Abs",   "Add",  "Celu",           "Clip",      "Div",      "Elu",       "Erf",
    "Exp",   "Gelu", "HardSigmoid",    "HardSwish", "Identity", "LeakyRelu", "Log",
    "Max",   "Min",  "Mish",           "Mul",       "Neg",      "Pow",       "Reciprocal",
    "Relu",  "Selu", "Sigmoid",        "Softplus",  "Softsign", "Sqrt",      "Sub",
    "Swish", "Tanh", "ThresholdedRelu"};

/// A tree of elementwise nodes over one value of bytes.
class Tree {
 public:
  Tree(const Rewrite& r, const Node& quantize) : r_(r) { found_ = visit(quantize); }

  bool found() const { return found_ && root_ != kNoValue; }
  ValueId root() const { return root_; }

  /// What the tree makes of every byte.
  Tensor table() const {
    const Graph& g = r_.graph();
    Graph t;
    t.opsets = g.opsets;
    std::map<ValueId, ValueId> value;
    const Format format = g.type(root_).format;
    value[root_] = t.add_value("x", {.format = format, .shape = Shape{256}});
    t.inputs = {value[root_]};
    const auto in_tree = [&](ValueId v) {
      if (v == kNoValue || value.contains(v)) return v == kNoValue ? v : value[v];
      return value[v] = t.add_initializer(g.value_name(v), g.initializers.at(v));
    };
    for (const Node* n : nodes_) {
      Node copy = *n;
      copy.opset = g.opset_of(*n);
      for (ValueId& v : copy.inputs) v = in_tree(v);
      value[n->outputs[0]] = copy.outputs[0] = t.add_value(g.value_name(n->outputs[0]));
      t.nodes.push_back(std::move(copy));
    }
    t.outputs = {value[nodes_.back()->outputs[0]]};
    Tensor x(format, Shape{256});
    auto* bytes = reinterpret_cast<uint8_t*>(x.plane(Plane::kPayload).data());
    for (int i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
    return std::move(evaluate(infer_and_fold(std::move(t)), {{std::move(x)}})[0]);
  }

 private:
  /// Whether all that the node reads are numbers and one value of bytes.
  bool visit(const Node& n) {
    if (std::ranges::find(nodes_, &n) != nodes_.end()) return true;
    if (nodes_.size() + depth_ >= kMaxNodes || n.outputs.size() != 1) return false;
    ++depth_;
    const bool ok = visit_inputs(n);
    --depth_;
    if (ok) nodes_.push_back(&n);
    return ok;
  }

  bool visit_inputs(const Node& n) {
    if (n.op == "QuantizeLinear") return quantized_by(r_, n) && visit_value(n.inputs[0]);
    if (n.op == "DequantizeLinear") {
      const auto x = dequantized(r_, n.outputs[0]);
      if (!x) return false;
      // What made the bytes may itself be of the tree; else they are what it begins with.
      if (const Node* q = r_.maker(x->bytes, "QuantizeLinear")) {
        const auto nodes = nodes_;
        const ValueId root = root_;
        if (visit(*q)) return true;
        nodes_ = nodes;
        root_ = root;
      }
      if (root_ != kNoValue && root_ != x->bytes) return false;
      root_ = x->bytes;
      return true;
    }
    if (!n.domain.empty() || std::ranges::find(kElementwise, n.op) == std::end(kElementwise)) return false;
    // Clip's bounds are one number each, the table's values are 256.
    if (n.op == "Clip" && std::ranges::any_of(n.inputs.begin() + 1, n.inputs.end(),
                                              [&](ValueId v) { return v != kNoValue && !r_.constant(v); }))
      return false;
    return std::ranges::all_of(n.inputs, [&](ValueId v) { return v == kNoValue || visit_value(v); });
  }

  bool visit_value(ValueId v) {
    // One number leaves the shape.
    if (const Tensor* t = r_.constant(v)) return t->num_elements() == 1 && t->shape().rank() <= 1;
    for (const Node* n : {r_.maker(v, "DequantizeLinear"), elementwise_maker(v)})
      if (n) return r_.type(v).format == &formats::kF32 && visit(*n);
    return false;
  }

  const Node* elementwise_maker(ValueId v) const {
    for (std::string_view op : kElementwise)
      if (const Node* n = r_.maker(v, op)) return n;
    return nullptr;
  }

  const Rewrite& r_;
  std::vector<const Node*> nodes_;  ///< in order
  ValueId root_ = kNoValue;
  size_t depth_ = 0;
  bool found_ = false;
};

}  // namespace

Graph recognize_lookups(Graph g, const std::set<ValueId>& variable) {
  Rewrite r(g, variable);
  NameTable names(g);
  // The last first: a tree that ends in another one takes it in whole.
  for (size_t i = g.nodes.size(); i-- > 0;) {
    const Node& n = g.nodes[i];
    if (n.op != "QuantizeLinear" || !quantized_by(r, n)) continue;
    const Tree tree(r, n);
    if (!tree.found() || !g.type(tree.root()).shape || !g.type(n.outputs[0]).shape ||
        g.type(tree.root()).shape->rank() != g.type(n.outputs[0]).shape->rank())
      continue;
    const ValueId table = g.add_initializer(names.unused(g.value_name(n.outputs[0]) + "/table"),
                                            std::make_shared<Tensor>(tree.table()));
    r.replace(n, {}, new_node("QuantizedLookup", {tree.root(), table}, {}, kDunlinDomain));
  }
  return remove_dead(std::move(g));
}

}  // namespace dunlin
