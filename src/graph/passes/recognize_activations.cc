#include "graph/passes/recognize_activations.h"

#include <cmath>

#include "graph/activation.h"
#include "graph/infer.h"
#include "graph/passes/rewrite.h"

namespace dunlin {

namespace {

/// x and the activation of it.
using Match = std::optional<std::pair<ValueId, ActivationKind>>;

class Matcher {
 public:
  Matcher(Graph& g, const std::set<ValueId>& variable) : r_(g, variable), g_(g) {}

  void run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      const auto m = match(n);
      if (!m || !fits(m->first, n.outputs[0])) continue;
      Node act = new_node("Activation", {m->first}, {}, kDunlinDomain);
      set_activation(act, {m->second, 0, 0});
      r_.replace(n, {}, std::move(act));
    }
  }

 private:
  /// Numbers of more axes than x would give the result these axes.
  bool fits(ValueId x, ValueId y) const {
    const Type &a = g_.type(x), &b = g_.type(y);
    return a.format == b.format && a.shape && b.shape && a.shape->rank() == b.shape->rank();
  }

  /// What a tree of Mul, and Div by numbers, multiplies.
  struct Product {
    double number = 1;
    std::vector<ValueId> factors;
  };
  void multiply(ValueId v, int depth, Product& p) const {
    if (const auto number = r_.number(v))
      p.number *= *number;
    else if (const Node* n = r_.sole_maker(v, "Mul"); n && depth > 0)
      multiply(*n, depth - 1, p);
    else if (const Node* d = r_.sole_maker(v, "Div"); d && depth > 0 && r_.number(d->inputs[1]))
      multiply(*d, depth - 1, p);
    else
      p.factors.push_back(v);
  }
  void multiply(const Node& n, int depth, Product& p) const {
    multiply(n.inputs[0], depth, p);
    if (n.op == "Div")
      p.number /= *r_.number(n.inputs[1]);
    else
      multiply(n.inputs[1], depth, p);
  }

  static bool about(double a, double b) { return std::fabs(a - b) <= 1e-6 * std::fabs(b); }

  Match match(const Node& n) const {
    if (!n.domain.empty() || n.inputs.size() != 2) return std::nullopt;
    if (n.op != "Mul" && !(n.op == "Div" && r_.number(n.inputs[1]))) return std::nullopt;
    Product p;
    multiply(n, 2, p);
    if (p.factors.size() != 2) return std::nullopt;
    for (size_t i : {0u, 1u})
      if (const auto kind = gated(p.factors[i], p.factors[1 - i], p.number))
        return std::pair{p.factors[i], *kind};
    return std::nullopt;
  }

  /// number * x * gate.
  std::optional<ActivationKind> gated(ValueId x, ValueId gate, double number) const {
    if (about(number, 1)) {
      if (const Node* s = r_.sole_maker(gate, "Sigmoid"); s && s->inputs[0] == x)
        return ActivationKind::kSilu;
      if (const Node* t = r_.sole_maker(gate, "Tanh"))
        if (const Node* s = r_.sole_maker(t->inputs[0], "Softplus"); s && s->inputs[0] == x)
          return ActivationKind::kMish;
      if (const Node* s = r_.sole_maker(gate, "HardSigmoid"); s && s->inputs[0] == x) {
        const NodeView a(g_, *s);
        if (about(static_cast<double>(a.attr_float("alpha", 0.2f)), 1.0 / 6) &&
            a.attr_float("beta", 0.5f) == 0.5f)
          return ActivationKind::kHardSwish;
      }
    }
    if (about(number, 1.0 / 6) && clipped_sum(gate) == x) return ActivationKind::kHardSwish;
    if (about(number, 0.5)) {
      const ValueId inner = r_.beside(r_.sole_maker(gate, "Add"), 1);
      if (erf_of(inner) == x) return ActivationKind::kGelu;
      if (const Node* t = r_.sole_maker(inner, "Tanh"); t && bent(t->inputs[0]) == x)
        return ActivationKind::kGeluTanh;
    }
    return std::nullopt;
  }

  /// x of Clip(x + 3, 0, 6).
  ValueId clipped_sum(ValueId v) const {
    const Node* clip = r_.sole_maker(v, "Clip");
    if (!clip) return kNoValue;
    const auto act = activation_of(NodeView(g_, *clip),
                                   [&](int i) { return r_.constant(clip->inputs[static_cast<size_t>(i)]); });
    if (!act || act->a != 0 || act->b != 6) return kNoValue;
    return r_.beside(r_.sole_maker(clip->inputs[0], "Add"), 3);
  }

  /// x of Erf(x / sqrt 2) or Erf(x * 0.7071).
  ValueId erf_of(ValueId v) const {
    const Node* erf = r_.sole_maker(v, "Erf");
    if (!erf) return kNoValue;
    if (const Node* d = r_.sole_maker(erf->inputs[0], "Div"); d && r_.is_number(d->inputs[1], std::sqrt(2.0)))
      return d->inputs[0];
    return r_.beside(r_.sole_maker(erf->inputs[0], "Mul"), std::sqrt(0.5));
  }

  /// x of 0.7979 * (x + 0.0447 * x^3).
  ValueId bent(ValueId v) const {
    const Node* sum = r_.sole_maker(r_.beside(r_.sole_maker(v, "Mul"), std::sqrt(2 / M_PI)), "Add");
    if (!sum) return kNoValue;
    for (size_t i : {0u, 1u})
      if (is_cube(r_.beside(r_.sole_maker(sum->inputs[1 - i], "Mul"), 0.044715), sum->inputs[i]))
        return sum->inputs[i];
    return kNoValue;
  }
  bool is_cube(ValueId v, ValueId x) const {
    if (const Node* pow = r_.sole_maker(v, "Pow"))
      return pow->inputs[0] == x && r_.is_number(pow->inputs[1], 3);
    if (const Node* mul = r_.sole_maker(v, "Mul"))
      for (size_t i : {0u, 1u})
        if (const Node* square = r_.sole_maker(mul->inputs[i], "Mul"))
          return mul->inputs[1 - i] == x && square->inputs == std::vector{x, x};
    return false;
  }

  Rewrite r_;
  Graph& g_;
};

}  // namespace

Graph recognize_activations(Graph g, const std::set<ValueId>& variable) {
  Matcher(g, variable).run();
  return remove_dead(std::move(g));
}

}  // namespace dunlin
