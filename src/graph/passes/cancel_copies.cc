#include "graph/passes/cancel_copies.h"

#include <algorithm>
#include <numeric>

#include "graph/infer.h"
#include "graph/ops/permutation.h"
#include "graph/passes/rewrite.h"

namespace dunlin {

namespace {

constexpr std::string_view kViews[] = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"};
/// Every output element depends on the input elements of the same place alone.
constexpr std::string_view kElementwise[] = {
    "Abs",     "Add",  "Ceil",        "Clip",      "Div",        "Elu",   "Erf",   "Exp",
    "Floor",   "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu",  "Log",   "Max",   "Min",
    "Mish",    "Mul",  "Neg",         "Pow",       "Reciprocal", "Relu",  "Round", "Selu",
    "Sigmoid", "Sign", "Softplus",    "Sqrt",      "Sub",        "Swish", "Tanh"};

template <size_t n>
bool among(const std::string_view (&names)[n], const Node& node) {
  return node.domain.empty() && std::ranges::find(names, node.op) != std::end(names);
}

using ops::is_identity, ops::Permutation, ops::then;

class Canceller {
 public:
  Canceller(Graph& g, const std::set<ValueId>& variable) : r_(g, variable), g_(g) {}

  void run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      if (!n.domain.empty() || n.inputs.empty() || n.outputs.empty()) continue;
      if (hands_on(n))
        pass_by(n, n.inputs[0]);
      else if (among(kViews, n))
        view(n);
      else if (n.op == "Transpose")
        transpose(n);
    }
  }

 private:
  bool pass_by(const Node& n, ValueId v) {
    if (r_.is_output(n.outputs[0])) return false;
    r_.bypass(n, v);
    return true;
  }

  bool hands_on(const Node& n) const {
    if (n.op == "Identity") return true;
    if (n.op == "Cast") return r_.same_type(n.inputs[0], n.outputs[0]);
    if (n.op != "Dropout") return false;
    const NodeView a(g_, n);
    if (a.has_output(1) && r_.reads(n.outputs[1]) > 0) return false;
    if (a.opset() < 7) return a.attr_int("is_test", 0) != 0;
    if (a.opset() < 12 || !a.has_input(2)) return true;
    if (const Tensor* training = r_.constant(n.inputs[2]);
        training && training->num_elements() == 1 && to_scalar(*training) == 0)
      return true;
    return a.has_input(1) && r_.number(n.inputs[1]) == 0.0;
  }

  void view(const Node& n) {
    // What the views before it show.
    constexpr int kLongest = 16;
    ValueId from = n.inputs[0];
    for (int i = 0; i < kLongest; ++i) {
      if (r_.same_type(from, n.outputs[0]) && pass_by(n, from)) return;
      const Node* before = nullptr;
      for (std::string_view op : kViews)
        if (!before) before = r_.maker(from, op);
      if (!before) break;
      from = before->inputs[0];
    }
    if (from == n.inputs[0] || n.op != "Reshape" || n.inputs.size() != 2) return;
    const Tensor* shape = r_.constant(n.inputs[1]);
    // A size that is copied is one of the view's.
    if (!shape) return;
    const std::vector<int64_t> sizes = to_ints(*shape);
    if (std::ranges::find(sizes, 0) != sizes.end()) return;
    r_.read_instead(n, 0, from);
  }

  std::optional<Permutation> permutation(const Node* n) const {
    if (!n || n->op != "Transpose") return std::nullopt;
    const auto& shape = g_.type(n->inputs[0]).shape;
    if (!shape) return std::nullopt;
    return ops::transposition(NodeView(g_, *n), shape->rank());
  }

  void transpose(const Node& n) {
    const auto p = permutation(&n);
    if (!p) return;
    if (is_identity(*p) && pass_by(n, n.inputs[0])) return;
    const Node* before = r_.maker(n.inputs[0], "Transpose");
    if (const auto first = permutation(before)) {
      const Permutation both = then(*first, *p);
      if (is_identity(both) && pass_by(n, before->inputs[0])) return;
      const Node* const parts[] = {before};
      Node joined = n;
      joined.inputs = before->inputs;
      joined.attributes["perm"] = both;
      r_.replace(n, parts, std::move(joined));
      return;
    }
    Pulled pulled;
    if (pull(n.inputs[0], *p, 0, pulled) && !pulled.transposes.empty()) apply(n, *p, pulled);
  }

  /// Functions of single elements, and the transposes that feed them.
  struct Pulled {
    std::vector<ValueId> values;                             ///< what the functions make
    std::vector<std::pair<const Node*, size_t>> transposes;  ///< the reader, and which of its inputs
  };
  /// Whether `v`, seen through `p`, can be had without moving an element.
  bool pull(ValueId v, const Permutation& p, int depth, Pulled& out) const {
    constexpr int kDeepest = 8;
    const Node* n = nullptr;
    for (std::string_view op : kElementwise)
      if (!n) n = r_.sole_maker(v, op);
    const auto& shape = g_.type(v).shape;
    if (!n || depth > kDeepest || !shape || shape->rank() != static_cast<int>(p.size())) return false;
    out.values.push_back(v);
    for (size_t i = 0; i < n->inputs.size(); ++i) {
      const ValueId in = n->inputs[i];
      if (in == kNoValue || is_one_number(in, shape->rank())) continue;
      // Whatever is repeated along an axis would have to be repeated along another.
      if (!r_.same_type(in, v)) return false;
      const Node* t = r_.sole_maker(in, "Transpose");
      if (const auto first = permutation(t); first && is_identity(then(*first, p)))
        out.transposes.emplace_back(n, i);
      else if (!pull(in, p, depth + 1, out))
        return false;
    }
    return true;
  }
  bool is_one_number(ValueId v, int rank) const {
    const Tensor* t = r_.constant(v);
    return t && t->num_elements() == 1 && t->shape().rank() <= rank;
  }

  void apply(const Node& last, const Permutation& p, const Pulled& pulled) {
    for (const auto& [reader, i] : pulled.transposes) {
      const Node* t = r_.maker(reader->inputs[i], "Transpose");
      r_.read_instead(*reader, i, t->inputs[0]);
    }
    for (ValueId v : pulled.values) {
      Shape& shape = *g_.values[static_cast<size_t>(v)].type.shape;
      const Shape old = shape;
      for (size_t d = 0; d < p.size(); ++d) shape[static_cast<int>(d)] = old[static_cast<int>(p[d])];
    }
    // The last function makes what `last` made.
    Node identity = new_node("Identity", {last.inputs[0]});
    r_.replace(last, {}, std::move(identity));
    pass_by(last, last.inputs[0]);
  }

  Rewrite r_;
  Graph& g_;
};

}  // namespace

Graph cancel_copies(Graph g, const std::set<ValueId>& variable) {
  Canceller(g, variable).run();
  return remove_dead(std::move(g));
}

}  // namespace dunlin
