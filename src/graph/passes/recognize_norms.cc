#include "graph/passes/recognize_norms.h"

#include "graph/infer.h"
#include "graph/name_table.h"
#include "graph/ops/broadcast_axis.h"
#include "graph/passes/rewrite.h"

namespace dunlin {

namespace {

using Parts = std::vector<const Node*>;

/// x, or x - mean(x), divided by its deviation; what is not yet known is left out.
struct Norm {
  ValueId x = kNoValue, mean = kNoValue, scale = kNoValue, bias = kNoValue;
  double epsilon = 0;
  std::vector<int> axes;
};

class Matcher {
 public:
  Matcher(Graph& g, const std::set<ValueId>& variable, bool layer)
      : r_(g, variable), names_(g), g_(g), layer_(layer) {}

  void run() {
    // From behind: the last node of a spelling is tried before its inner ones.
    for (size_t i = g_.nodes.size(); i-- > 0;) {
      const Node& n = g_.nodes[i];
      if (!n.domain.empty() || n.inputs.size() != 2 || ops::has_broadcast_axis(NodeView(g_, n)) ||
          g_.type(n.outputs[0]).format != &formats::kF32)
        continue;
      if (n.op == "Add" && (shifted(n) || factored(n))) continue;
      if (n.op == "Mul" && scaled(n)) continue;
      if (n.op == "Mul" || n.op == "Div") plain(n);
    }
  }

 private:
  /// A part of a spelling; `parts` gets it.
  const Node* part(ValueId v, std::string_view op, Parts& parts) const {
    const Node* n = r_.maker(v, op);
    if (n) parts.push_back(n);
    return n;
  }

  /// m = mean of something over its last axes.
  const Node* mean_of(ValueId v, std::vector<int>& axes, Parts& parts) const {
    const Node* m = part(v, "ReduceMean", parts);
    const auto found = m ? r_.kept_axes(*m) : std::nullopt;
    if (!found || (!axes.empty() && axes != *found)) return nullptr;
    axes = *found;
    return axes.back() == g_.type(m->inputs[0]).shape->rank() - 1 &&
                   axes.back() - axes.front() + 1 == static_cast<int>(axes.size())
               ? m
               : nullptr;
  }

  /// v = sqrt(mean(d^2) + epsilon); its d.
  ValueId root_of_squares(ValueId v, Norm& norm, Parts& parts) const {
    const Node* sqrt = part(v, "Sqrt", parts);
    const Node* add = sqrt ? part(sqrt->inputs[0], "Add", parts) : nullptr;
    if (!add) return kNoValue;
    for (size_t i : {0u, 1u}) {
      const auto epsilon = r_.number(add->inputs[1 - i]);
      if (!epsilon || *epsilon < 0) continue;
      norm.epsilon = *epsilon;
      const Node* mean = mean_of(add->inputs[i], norm.axes, parts);
      return mean ? square_root_of(mean->inputs[0], parts) : kNoValue;
    }
    return kNoValue;
  }
  ValueId square_root_of(ValueId v, Parts& parts) const {
    if (const Node* pow = part(v, "Pow", parts))
      return r_.is_number(pow->inputs[1], 2) ? pow->inputs[0] : kNoValue;
    const Node* mul = part(v, "Mul", parts);
    return mul && mul->inputs[0] == mul->inputs[1] ? mul->inputs[0] : kNoValue;
  }
  /// v = 1 / sqrt(mean(d^2) + epsilon); its d.
  ValueId inverse_of(ValueId v, Norm& norm, Parts& parts) const {
    if (const Node* inverse = part(v, "Reciprocal", parts))
      return root_of_squares(inverse->inputs[0], norm, parts);
    const Node* div = part(v, "Div", parts);
    return div && r_.is_number(div->inputs[0], 1) ? root_of_squares(div->inputs[1], norm, parts) : kNoValue;
  }

  /// d = x - mean(x), or x itself.
  void centre(ValueId d, Norm& norm, Parts& parts) const {
    norm.x = d;
    Parts more = parts;
    const Node* sub = part(d, "Sub", more);
    const Node* mean = sub ? mean_of(sub->inputs[1], norm.axes, more) : nullptr;
    if (!mean || mean->inputs[0] != sub->inputs[0]) return;
    norm.x = sub->inputs[0];
    norm.mean = sub->inputs[1];
    parts = std::move(more);
  }

  /// `n` is d / sqrt(..) or d * (1 / sqrt(..)).
  bool divided(const Node& n, Norm& norm, Parts& parts) const {
    if (n.op == "Div") {
      if (root_of_squares(n.inputs[1], norm, parts) != n.inputs[0]) return false;
      centre(n.inputs[0], norm, parts);
      return true;
    }
    for (size_t i : {0u, 1u}) {
      Parts tried = parts;
      Norm found;
      if (inverse_of(n.inputs[i], found, tried) != n.inputs[1 - i]) continue;
      norm = found;
      parts = std::move(tried);
      centre(n.inputs[1 - i], norm, parts);
      return true;
    }
    return false;
  }
  /// The Div or Mul that makes `v`, when it is that.
  const Node* divided(ValueId v, Norm& norm, Parts& parts) const {
    for (const char* op : {"Div", "Mul"})
      if (const Node* n = r_.maker(v, op); n && n->inputs.size() == 2 && divided(*n, norm, parts)) {
        parts.push_back(n);
        return n;
      }
    return nullptr;
  }

  bool plain(const Node& root) {
    Norm norm;
    Parts parts;
    return divided(root, norm, parts) && emit(root, norm, parts);
  }
  bool scaled(const Node& root) {
    for (size_t i : {0u, 1u}) {
      Norm norm;
      Parts parts;
      if (!divided(root.inputs[i], norm, parts)) continue;
      norm.scale = root.inputs[1 - i];
      if (emit(root, norm, parts)) return true;
    }
    return false;
  }
  bool shifted(const Node& root) {
    for (size_t i : {0u, 1u}) {
      const Node* mul = r_.maker(root.inputs[i], "Mul");
      for (size_t k : {0u, 1u}) {
        Norm norm;
        Parts parts;
        if (!mul || !divided(mul->inputs[k], norm, parts)) continue;
        norm.scale = mul->inputs[1 - k];
        norm.bias = root.inputs[1 - i];
        parts.push_back(mul);
        if (norm.mean != kNoValue && emit(root, norm, parts)) return true;
      }
    }
    return false;
  }

  /// x * f + (bias - mean * f) with f = scale / r, as TensorFlow's batch_normalization has it.
  bool factored(const Node& root) {
    for (size_t i : {0u, 1u}) {
      const Node *mul = r_.maker(root.inputs[i], "Mul"), *sub = r_.maker(root.inputs[1 - i], "Sub");
      const Node* by_mean = sub ? r_.maker(sub->inputs[1], "Mul") : nullptr;
      if (!mul || !by_mean) continue;
      for (size_t k : {0u, 1u})
        for (size_t j : {0u, 1u}) {
          if (mul->inputs[k] != by_mean->inputs[j]) continue;
          Norm norm;
          Parts parts{mul, sub, by_mean};
          norm.bias = sub->inputs[0];
          const ValueId x = mul->inputs[1 - k], mean = by_mean->inputs[1 - j];
          if (factor(mul->inputs[k], x, mean, norm, parts) && emit(root, norm, parts)) return true;
        }
    }
    return false;
  }
  bool factor(ValueId f, ValueId x, ValueId mean, Norm& norm, Parts& parts) const {
    const auto agrees = [&](ValueId d) {
      if (d == kNoValue) return false;
      centre(d, norm, parts);
      return norm.x == x && norm.mean == mean;
    };
    const Node* mul = r_.maker(f, "Mul");
    for (size_t i : {0u, 1u}) {
      Parts tried = parts;
      Norm found = norm;
      const ValueId d = mul ? inverse_of(mul->inputs[i], found, tried) : kNoValue;
      if (d == kNoValue) continue;
      tried.push_back(mul);
      norm = found;
      parts = std::move(tried);
      norm.scale = mul->inputs[1 - i];
      return agrees(d);
    }
    return agrees(inverse_of(f, norm, parts));
  }

  /// Whether `v` has one number for each place of the normalised axes, so that the kernel takes it.
  bool fits(ValueId v, const Shape& axes) const {
    const Type& t = g_.type(v);
    return t.format == &formats::kF32 && t.shape && *t.shape == axes;
  }

  bool emit(const Node& root, Norm& norm, const Parts& parts) {
    if (layer_ != (norm.mean != kNoValue) || !r_.same_type(norm.x, root.outputs[0])) return false;
    const Shape& x = *g_.type(norm.x).shape;
    Shape normalized;
    for (int d : norm.axes) normalized.push_back(x[d]);
    if (!normalized.known()) return false;
    for (ValueId v : {norm.scale, norm.bias})
      if (v != kNoValue && !fits(v, normalized)) return false;
    std::vector<ValueId> inputs{norm.x, norm.scale};
    if (norm.bias != kNoValue) inputs.push_back(norm.bias);
    if (!r_.can_replace(root, parts, inputs)) return false;
    if (norm.scale == kNoValue) {
      if (normalized.num_elements() > kMaxOnes) return false;
      inputs[1] = ones(normalized, g_.value_name(root.outputs[0]));
    }
    return r_.replace(
        root, parts,
        new_node(layer_ ? "LayerNormalization" : "RMSNormalization", std::move(inputs),
                 {{"axis", int64_t{norm.axes.front()}}, {"epsilon", static_cast<float>(norm.epsilon)}}));
  }

  /// One for all that have this shape.
  ValueId ones(const Shape& shape, const std::string& base) {
    const auto [it, fresh] = ones_.try_emplace({shape.begin(), shape.end()}, kNoValue);
    if (fresh) {
      Tensor t(&formats::kF32, shape);
      std::fill_n(t.data<float>(), t.num_elements(), 1.f);
      it->second = g_.add_initializer(names_.unused(base + "/ones"), std::make_shared<Tensor>(std::move(t)));
    }
    return it->second;
  }

  static constexpr int64_t kMaxOnes = 1 << 20;
  std::map<std::vector<int64_t>, ValueId> ones_;
  Rewrite r_;
  NameTable names_;
  Graph& g_;
  const bool layer_;
};

}  // namespace

Graph recognize_layer_norms(Graph g, const std::set<ValueId>& variable) {
  Matcher(g, variable, true).run();
  return remove_dead(std::move(g));
}

Graph recognize_rms_norms(Graph g, const std::set<ValueId>& variable) {
  Matcher(g, variable, false).run();
  return remove_dead(std::move(g));
}

}  // namespace dunlin
