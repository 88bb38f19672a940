#include "graph/passes/recognize_activations.h"

#include <cmath>

#include "graph/activation.h"
#include "graph/infer.h"

namespace dunlin {

namespace {

class Matcher {
 public:
  Matcher(const Graph& g, const std::set<ValueId>& variable)
      : g_(g), variable_(variable), producer_(producers(g)), uses_(use_counts(g)) {}

  /// The node that makes `v`, when it is this op and nothing but one node reads `v`.
  const Node* made_by(ValueId v, std::string_view op) const {
    if (v == kNoValue || uses_[static_cast<size_t>(v)] != 1) return nullptr;
    const int p = producer_[static_cast<size_t>(v)];
    if (p < 0) return nullptr;
    const Node& n = g_.nodes[static_cast<size_t>(p)];
    return n.op == op && n.domain.empty() ? &n : nullptr;
  }
  bool is_scalar(ValueId v, double value) const {
    const Tensor* t = v == kNoValue || variable_.contains(v) ? nullptr : g_.initializer(v);
    return t && t->num_elements() == 1 && t->format()->kind == FormatDef::Kind::kFloat &&
           std::fabs(to_scalar(*t) - value) <= 1e-6 * std::fabs(value);
  }
  /// The other operand of a commutative node that has this scalar as one; kNoValue when it does not fit.
  ValueId beside(const Node* n, double value) const {
    if (!n || n->inputs.size() != 2) return kNoValue;
    for (size_t i : {0u, 1u})
      if (is_scalar(n->inputs[1 - i], value)) return n->inputs[i];
    return kNoValue;
  }

  std::optional<std::pair<ValueId, Activation>> match(const Node& n) const {
    if (!n.domain.empty() || n.inputs.size() != 2) return std::nullopt;
    if (n.op == "Mul")
      for (size_t i : {0u, 1u})
        if (auto m = product(n.inputs[i], n.inputs[1 - i])) return m;
    if (n.op == "Div" && is_scalar(n.inputs[1], 6))
      if (const Node* mul = made_by(n.inputs[0], "Mul"))
        for (size_t i : {0u, 1u})
          if (clipped_sum(mul->inputs[1 - i]) == mul->inputs[i])
            return std::pair{mul->inputs[i], Activation{ActivationKind::kHardSwish, 0, 0}};
    return std::nullopt;
  }

 private:
  /// x * gate.
  std::optional<std::pair<ValueId, Activation>> product(ValueId x, ValueId gate) const {
    if (const Node* s = made_by(gate, "Sigmoid"); s && s->inputs[0] == x)
      return std::pair{x, Activation{ActivationKind::kSilu, 0, 0}};
    if (const Node* s = made_by(gate, "HardSigmoid"); s && s->inputs[0] == x) {
      const NodeView a(g_, *s);
      if (std::fabs(a.attr_float("alpha", 0.2f) - 1.f / 6) < 1e-6f && a.attr_float("beta", 0.5f) == 0.5f)
        return std::pair{x, Activation{ActivationKind::kHardSwish, 0, 0}};
    }
    if (const Node* d = made_by(gate, "Div");
        d && is_scalar(d->inputs[1], 6) && clipped_sum(d->inputs[0]) == x)
      return std::pair{x, Activation{ActivationKind::kHardSwish, 0, 0}};
    if (is_scalar(gate, 0.5)) {  // (x * (1 + erf(x / sqrt 2))) * 0.5
      if (const Node* mul = made_by(x, "Mul"))
        for (size_t i : {0u, 1u})
          if (one_plus_erf(mul->inputs[1 - i]) == mul->inputs[i])
            return std::pair{mul->inputs[i], Activation{ActivationKind::kGelu, 0, 0}};
    }
    if (const ValueId inner = beside(made_by(x, "Mul"), 0.5);  // (x * 0.5) * (1 + erf(x / sqrt 2))
        inner != kNoValue && one_plus_erf(gate) == inner)
      return std::pair{inner, Activation{ActivationKind::kGelu, 0, 0}};
    return std::nullopt;
  }
  /// x of Clip(x + 3, 0, 6).
  ValueId clipped_sum(ValueId v) const {
    const Node* clip = made_by(v, "Clip");
    if (!clip) return kNoValue;
    const auto act = activation_of(NodeView(g_, *clip), [&](int i) {
      const ValueId in = clip->inputs[static_cast<size_t>(i)];
      return variable_.contains(in) ? nullptr : g_.initializer(in);
    });
    if (!act || act->a != 0 || act->b != 6) return kNoValue;
    return beside(made_by(clip->inputs[0], "Add"), 3);
  }
  /// x of 1 + Erf(x / sqrt 2) or 1 + Erf(x * 0.7071).
  ValueId one_plus_erf(ValueId v) const {
    const ValueId sum = beside(made_by(v, "Add"), 1);
    const Node* erf = made_by(sum, "Erf");
    if (!erf) return kNoValue;
    if (const Node* d = made_by(erf->inputs[0], "Div"); d && is_scalar(d->inputs[1], std::sqrt(2.0)))
      return d->inputs[0];
    return beside(made_by(erf->inputs[0], "Mul"), std::sqrt(0.5));
  }

  const Graph& g_;
  const std::set<ValueId>& variable_;
  std::vector<int> producer_, uses_;
};

}  // namespace

Graph recognize_activations(Graph g, const std::set<ValueId>& variable) {
  const Graph before = g;
  const Matcher matcher(before, variable);
  for (Node& n : g.nodes) {
    const auto m = matcher.match(n);
    if (!m) continue;
    Node act{.op = "Activation",
             .domain = std::string(kDunlinDomain),
             .name = n.name,
             .attributes = {},
             .inputs = {m->first},
             .outputs = n.outputs,
             .opset = 1};
    set_activation(act, m->second);
    n = std::move(act);
  }
  return remove_dead(std::move(g));
}

}  // namespace dunlin
