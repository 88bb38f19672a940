// What of a model can be trained, and what not and why.
#include <algorithm>
#include <set>

#include "graph/autodiff/gradient_path.h"
#include "graph/inspect.h"
#include "graph/op.h"

namespace dunlin {

namespace {

constexpr size_t kMostNamed = 1000;  // a report is read by people

size_t at(ValueId v) { return static_cast<size_t>(v); }

const OpDef* op_or_null(const Graph& g, const Node& node) {
  return find_op(node.domain, node.op, g.opset_of(node));
}

class Judge {
 public:
  Judge(const Graph& g, std::vector<ValueId> weights, Inspection& out)
      : g_(g), out_(out), live_(g.values.size(), false), weights_(std::move(weights)) {}

  void run() {
    find_live();
    std::erase_if(weights_, [&](ValueId v) { return !g_.initializer(v); });
    if (weights_.empty()) {
      out_.trainable_why_not = "it has no f32 weights";
      return;
    }
    find_obstacles();
    if (!out_.without_gradient.empty()) {
      const Inspection::Part& first = out_.without_gradient[0];
      out_.trainable_why_not = fmt::format("{}: the op has no gradient", first.name);
      if (!first.why.empty()) out_.trainable_why_not += fmt::format(" (path: {})", first.why);
      return;
    }
    count_reached();
    out_.trainable = out_.trainable_parameters > 0;
    if (!out_.trainable)
      out_.trainable_why_not = "its first output does not depend on a weight by a differentiable path";
  }

 private:
  void find_live() {
    if (!g_.outputs.empty() && g_.outputs[0] != kNoValue) live_[at(g_.outputs[0])] = true;
    for (size_t i = g_.nodes.size(); i-- > 0;)
      if (makes_live(g_.nodes[i]))
        for (ValueId v : g_.nodes[i].inputs)
          if (v != kNoValue) live_[at(v)] = true;
  }
  bool makes_live(const Node& node) const {
    return std::ranges::any_of(node.outputs, [&](ValueId v) { return v != kNoValue && live_[at(v)]; });
  }

  void find_obstacles() {
    std::vector<bool> reached(g_.values.size(), false);
    std::vector<ValueId> live_weights;
    for (ValueId v : weights_)
      if (live_[at(v)]) {
        reached[at(v)] = true;
        live_weights.push_back(v);
      }
    std::set<std::pair<std::string, std::string>> named;
    for (const Node& node : g_.nodes) {
      const OpDef* op = op_or_null(g_, node);
      if (!makes_live(node) || (op && op->stops_gradient) || !reads(node, op, reached)) continue;
      for (ValueId v : node.outputs)
        if (v != kNoValue) reached[at(v)] = true;
      // One node of each op says enough.
      if ((op && op->gradient) || !named.emplace(node.domain, node.op).second) continue;
      const bool has_path = out_.unsupported.empty();
      out_.without_gradient.push_back(
          {describe(g_, node), has_path ? path_from_weight(g_, node, live_weights) : ""});
    }
  }
  static bool reads(const Node& node, const OpDef* op, const std::vector<bool>& values) {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNoValue && values[at(node.inputs[i])] && !(op && op->reads_only_shape(i)))
        return true;
    return false;
  }

  /// Which values a gradient of the first output comes to.
  void count_reached() {
    std::vector<bool> useful(g_.values.size(), false);
    useful[at(g_.outputs[0])] = true;
    for (size_t i = g_.nodes.size(); i-- > 0;) {
      const Node& node = g_.nodes[i];
      const OpDef* op = op_or_null(g_, node);
      if (!op || op->stops_gradient || !op->gradient) continue;
      if (std::ranges::none_of(node.outputs, [&](ValueId v) { return v != kNoValue && useful[at(v)]; }))
        continue;
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        const ValueId v = node.inputs[k];
        if (v == kNoValue || op->reads_only_shape(k)) continue;
        const Format f = g_.type(v).format;
        if (!f || f->kind == FormatDef::Kind::kFloat) useful[at(v)] = true;
      }
    }
    for (ValueId v : weights_) {
      if (useful[at(v)]) {
        out_.trainable_parameters += static_cast<uint64_t>(g_.initializer(v)->num_elements());
        out_.weights.push_back(g_.value_name(v));
      } else if (out_.untrained.size() < kMostNamed) {
        out_.untrained.push_back({g_.value_name(v), out_.unsupported.empty()
                                                        ? why_not_reached(g_, g_.outputs[0], v)
                                                        : "no gradient comes to it"});
      }
    }
  }

  const Graph& g_;
  Inspection& out_;
  std::vector<bool> live_;
  std::vector<ValueId> weights_;
};

}  // namespace

void judge_training(const Graph& graph, std::vector<ValueId> weights, Inspection& inspection) {
  if (graph.outputs.empty() || graph.outputs[0] == kNoValue) {
    inspection.trainable_why_not = "it has no output";
    return;
  }
  Judge(graph, std::move(weights), inspection).run();
}

}  // namespace dunlin
