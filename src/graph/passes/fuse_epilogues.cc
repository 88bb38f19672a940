#include "graph/passes/fuse_epilogues.h"

#include "graph/activation.h"
#include "graph/infer.h"
#include "graph/name_table.h"
#include "graph/ops/broadcast_axis.h"

namespace dunlin {

namespace {

bool known(const Graph& g, ValueId v) {
  return v != kNoValue && g.type(v).shape && g.type(v).shape->known() && g.type(v).format == &formats::kF32;
}

bool is_onnx(const Node& n, std::string_view op) { return n.op == op && n.domain.empty(); }
bool is_ours(const Node& n, std::string_view op) { return n.op == op && n.domain == kDunlinDomain; }

class Fuser {
 public:
  Fuser(Graph& g, const std::set<ValueId>& variable)
      : g_(g),
        variable_(variable),
        producer_(producers(g)),
        uses_(use_counts(g)),
        dead_(g.nodes.size(), 0),
        names_(g) {}

  void run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (is_onnx(g_.nodes[i], "Add") && g_.nodes[i].inputs.size() == 2 &&
          !ops::has_broadcast_axis(NodeView(g_, g_.nodes[i])))
        fuse_add(i);
      else if (const auto act = activation(g_.nodes[i]))
        fuse_activation(i, *act);
    }
    std::vector<Node> kept;
    for (size_t i = 0; i < g_.nodes.size(); ++i)
      if (!dead_[i]) kept.push_back(std::move(g_.nodes[i]));
    g_.nodes = std::move(kept);
  }

 private:
  std::optional<Activation> activation(const Node& n) const {
    return activation_of(NodeView(g_, n), [&](int i) -> const Tensor* {
      const ValueId v = n.inputs[static_cast<size_t>(i)];
      return variable_.contains(v) ? nullptr : g_.initializer(v);
    });
  }

  /// The fused form of the node that makes `v`, when there is one that can take an epilogue.
  std::optional<Node> fusable(ValueId v) const {
    if (!known(g_, v) || uses_[static_cast<size_t>(v)] != 1) return std::nullopt;
    const int p = producer_[static_cast<size_t>(v)];
    if (p < 0) return std::nullopt;
    const Node& n = g_.nodes[static_cast<size_t>(p)];
    if (is_ours(n, "FusedConv") || is_ours(n, "FusedMatMul"))
      return n.attributes.contains("activation") ? std::nullopt : std::optional(n);
    if (!known(g_, n.inputs.empty() ? kNoValue : n.inputs[0])) return std::nullopt;
    Node fused{.op = "",
               .domain = std::string(kDunlinDomain),
               .name = n.name,
               .attributes = {},
               .inputs = n.inputs,
               .outputs = n.outputs,
               .opset = 1};
    if (is_onnx(n, "Conv") && g_.type(n.inputs[0]).shape->rank() <= 5) {
      fused.op = "FusedConv";
      fused.attributes = n.attributes;
      return fused;
    }
    fused.op = "FusedMatMul";
    const Shape& y = *g_.type(v).shape;
    if (is_onnx(n, "MatMul") && known(g_, n.inputs[1]) && g_.type(n.inputs[1]).shape->rank() == 2 &&
        g_.type(n.inputs[0]).shape->rank() >= 2)
      return fused;
    const NodeView a(g_, n);
    if (is_onnx(n, "Gemm") && a.attr_int("transA", 0) == 0 && a.attr_float("alpha", 1) == 1 &&
        a.attr_float("beta", 1) == 1 && known(g_, n.inputs[1])) {
      if (a.has_input(2) && (!known(g_, n.inputs[2]) || *g_.type(n.inputs[2]).shape != Shape{y[1]}))
        return std::nullopt;
      fused.attributes["trans_b"] = a.attr_int("transB", 0);
      return fused;
    }
    return std::nullopt;
  }

  bool has(const Node& n, size_t i) const { return i < n.inputs.size() && n.inputs[i] != kNoValue; }

  /// Whether `v` holds one number a channel of `fused` and, if so, the value as [channels].
  ValueId as_bias(const Node& fused, ValueId v) {
    if (!known(g_, v)) return kNoValue;
    const Shape &s = *g_.type(v).shape, &y = *g_.type(fused.outputs[0]).shape;
    const int axis = fused.op == "FusedConv" ? 1 : y.rank() - 1, at = axis - (y.rank() - s.rank());
    if (at < 0 || at >= s.rank() || s[at] != y[axis] || s.num_elements() != y[axis]) return kNoValue;
    if (s.rank() == 1) return v;
    const Tensor* t = variable_.contains(v) ? nullptr : g_.initializer(v);
    if (!t) return kNoValue;
    return g_.add_initializer(names_.unused(g_.value_name(v) + "/bias"),
                              std::make_shared<Tensor>(t->clone().reshaped(Shape{y[axis]})));
  }

  void fuse_add(size_t i) {
    const Node add = g_.nodes[i];
    if (!known(g_, add.outputs[0]) || add.inputs[0] == add.inputs[1]) return;
    // The later of two products takes the other as its residual.
    size_t order[] = {0, 1};
    const auto made = [&](size_t k) { return producer_[static_cast<size_t>(add.inputs[k])]; };
    if (made(1) > made(0)) std::swap(order[0], order[1]);
    for (size_t k : order) {
      auto fused = fusable(add.inputs[k]);
      if (!fused || has(*fused, 3) || *g_.type(add.inputs[k]).shape != *g_.type(add.outputs[0]).shape)
        continue;
      const ValueId other = add.inputs[1 - k];
      fused->inputs.resize(4, kNoValue);
      if (!has(*fused, 2))
        if (const ValueId bias = as_bias(*fused, other); bias != kNoValue) {
          fused->inputs[2] = bias;
          return replace(i, add.inputs[k], *fused);
        }
      if (!known(g_, other) || *g_.type(other).shape != *g_.type(add.outputs[0]).shape) continue;
      fused->inputs[3] = other;
      return replace(i, add.inputs[k], *fused);
    }
  }

  void fuse_activation(size_t i, const Activation& act) {
    const ValueId x = g_.nodes[i].inputs[0];
    auto fused = fusable(x);
    if (!fused) return;
    set_activation(*fused, act);
    replace(i, x, *fused);
  }

  /// Node i becomes `fused`, whose own node, the maker of `v`, goes.
  void replace(size_t i, ValueId v, Node fused) {
    fused.outputs = g_.nodes[i].outputs;
    dead_[static_cast<size_t>(producer_[static_cast<size_t>(v)])] = 1;
    while (!fused.inputs.empty() && fused.inputs.back() == kNoValue) fused.inputs.pop_back();
    g_.nodes[i] = std::move(fused);
    producer_.resize(g_.values.size(), -1);
    uses_.resize(g_.values.size(), 1);
  }

  Graph& g_;
  const std::set<ValueId>& variable_;
  std::vector<int> producer_, uses_;
  std::vector<char> dead_;
  NameTable names_;
};

}  // namespace

Graph fuse_epilogues(Graph g, const std::set<ValueId>& variable) {
  Fuser(g, variable).run();
  return remove_dead(std::move(g));
}

}  // namespace dunlin
