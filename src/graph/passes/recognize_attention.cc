#include "graph/passes/recognize_attention.h"

#include "graph/infer.h"
#include "graph/ops/permutation.h"
#include "graph/passes/rewrite.h"

namespace dunlin {

namespace {

using ops::Permutation;
using Parts = std::vector<const Node*>;

class Matcher {
 public:
  Matcher(Graph& g, const std::set<ValueId>& variable) : r_(g, variable), g_(g) {}

  void run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i)
      if (g_.nodes[i].op == "MatMul" && g_.nodes[i].domain.empty()) product(g_.nodes[i]);
  }

 private:
  struct Operand {
    ValueId v;
    Permutation perm;  ///< from v's axes to those of the product
  };

  bool known(ValueId v) const {
    const Type& t = g_.type(v);
    return t.format == &formats::kF32 && t.shape && t.shape->known();
  }
  const Shape& shape(ValueId v) const { return *g_.type(v).shape; }

  Permutation perm_of(const Node& transpose) const {
    return ops::transposition(NodeView(g_, transpose), shape(transpose.inputs[0]).rank());
  }

  /// What stands before numbers that multiply it, which go into `scale`, and before transpositions. `rows`: the last
  /// axis must stay where it is.
  Operand peel(ValueId v, bool rows, double* scale, Parts& parts) const {
    Operand o{v, ops::identity_permutation(shape(v).rank())};
    constexpr int kLongest = 4;
    for (int i = 0; i < kLongest; ++i) {
      if (const Node* t = r_.sole_maker(o.v, "Transpose")) {
        const Permutation before = ops::then(perm_of(*t), o.perm);
        if (rows && before.back() != static_cast<int64_t>(before.size()) - 1) break;
        o = {t->inputs[0], before};
        parts.push_back(t);
      } else if (const Node* n = scale ? scaled(o.v) : nullptr) {
        o.v = unscaled(*n, *scale);
        parts.push_back(n);
      } else {
        break;
      }
    }
    return o;
  }

  /// The Mul or Div by a number that makes `v`, when `v` has the shape of what it multiplies.
  const Node* scaled(ValueId v) const {
    for (std::string_view op : {"Mul", "Div"}) {
      const Node* n = r_.sole_maker(v, op);
      if (!n || n->inputs.size() != 2) continue;
      for (size_t i : {0u, 1u})
        if ((i == 1 || op == "Mul") && r_.number(n->inputs[i]) && r_.same_type(n->inputs[1 - i], v)) return n;
    }
    return nullptr;
  }
  ValueId unscaled(const Node& n, double& scale) const {
    const size_t number = r_.number(n.inputs[1]) ? 1 : 0;
    const double value = *r_.number(n.inputs[number]);
    scale = n.op == "Mul" ? scale * value : scale / value;
    return n.inputs[1 - number];
  }

  void product(const Node& last) {
    Parts parts;
    const Node* softmax = r_.sole_maker(last.inputs[0], "Softmax");
    if (!softmax || !known(softmax->inputs[0]) || !known(last.inputs[1]) || !known(last.outputs[0])) return;
    const int rank = shape(softmax->inputs[0]).rank();
    const NodeView view(g_, *softmax);
    const int64_t axis = view.attr_int("axis", view.opset() >= 13 ? -1 : 1);
    if (rank < 2 || view.normalize_axis(axis, rank) != rank - 1) return;
    parts.push_back(softmax);
    ValueId scores = softmax->inputs[0], mask = kNoValue;
    if (const Node* add = r_.sole_maker(scores, "Add"))
      for (size_t i : {0u, 1u})
        if (mask == kNoValue && known(add->inputs[i]) && is_scores(add->inputs[i]) &&
            r_.same_type(add->inputs[i], scores) && is_mask(add->inputs[1 - i], scores)) {
          parts.push_back(add);
          mask = add->inputs[1 - i];
          scores = add->inputs[i];
        }
    double scale = 1;
    if (const Node* n = scaled(scores)) {
      parts.push_back(n);
      scores = unscaled(*n, scale);
    }
    const Node* first = r_.sole_maker(scores, "MatMul");
    if (!first || !known(first->inputs[0]) || !known(first->inputs[1])) return;
    parts.push_back(first);
    fuse(last, *first, mask, scale, std::move(parts));
  }

  bool is_scores(ValueId v) const {
    const Node* n = scaled(v);
    if (!n) return r_.sole_maker(v, "MatMul");
    double scale = 1;
    return r_.sole_maker(unscaled(*n, scale), "MatMul");
  }
  /// The kernel adds rows, of one head or of all.
  bool is_mask(ValueId v, ValueId scores) const {
    if (!known(v)) return false;
    const Shape &m = shape(v), &s = shape(scores);
    return m.rank() >= 1 && m.rank() <= s.rank() && m[m.rank() - 1] == s[s.rank() - 1];
  }

  void fuse(const Node& last, const Node& first, ValueId mask, double scale, Parts parts) {
    const int rank = shape(last.outputs[0]).rank();
    // Batches that repeat are left to MatMul.
    for (ValueId v : {first.inputs[0], first.inputs[1], last.inputs[1]}) {
      if (shape(v).rank() != rank) return;
      for (int d = 0; d < rank - 2; ++d)
        if (shape(v)[d] != shape(last.outputs[0])[d]) return;
    }
    const Operand q = peel(first.inputs[0], true, &scale, parts),
                  kt = peel(first.inputs[1], false, &scale, parts),
                  v = peel(last.inputs[1], false, nullptr, parts);
    Permutation k = kt.perm;
    std::swap(k[k.size() - 1], k[k.size() - 2]);
    Node node = new_node(
        "FusedAttention", {q.v, kt.v, v.v},
        {{"scale", static_cast<float>(scale)}, {"perm_q", q.perm}, {"perm_k", k}, {"perm_v", v.perm}},
        kDunlinDomain);
    if (mask != kNoValue) node.inputs.push_back(mask);
    const Node* root = &last;
    const Node* after = r_.sole_reader(last.outputs[0]);
    if (after && after->op == "Transpose" && after->domain.empty()) {
      const Permutation p = perm_of(*after);
      if (p.back() == rank - 1) {
        node.attributes["perm_y"] = p;
        parts.push_back(&last);
        root = after;
      }
    }
    r_.replace(*root, parts, std::move(node));
  }

  Rewrite r_;
  Graph& g_;
};

}  // namespace

Graph recognize_attention(Graph g, const std::set<ValueId>& variable) {
  Matcher(g, variable).run();
  return remove_dead(std::move(g));
}

}  // namespace dunlin
