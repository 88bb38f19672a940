#include "graph/passes/expand_gradients.h"

#include <algorithm>

#include "graph/autodiff/differentiate.h"
#include "graph/infer.h"
#include "graph/random_stream.h"

namespace dunlin {

namespace {

bool is_gradient(const Node& n) { return n.op == "Gradient" && n.domain == "ai.onnx.preview.training"; }

size_t at(ValueId v) { return static_cast<size_t>(v); }

class Expansion {
 public:
  Expansion(Graph& g, Node node) : g_(g), node_(std::move(node)), view_(g_, node_) {
    const std::string y = view_.attr_string("y", "");
    y_ = g_.find(y);
    if (y_ == kNoValue) view_.error("y is \"{}\", which is no value of its graph", y);
    for (const char* list : {"xs", "zs"}) {
      const auto* names = find_attribute<std::vector<std::string>>(node_, list);
      for (size_t i = 0; names && i < names->size(); ++i) {
        const ValueId v = g_.find((*names)[i]);
        if (v == kNoValue) view_.error("{} names \"{}\", which is no value of its graph", list, (*names)[i]);
        named_.push_back(v);
      }
      if (std::string_view(list) == "xs") num_xs_ = named_.size();
    }
    if (num_xs_ == 0) view_.error("xs names no value");
    if (named_.size() != node_.inputs.size() || num_xs_ < node_.outputs.size())
      view_.error("has {} inputs and {} outputs; xs and zs name {} and {} values", node_.inputs.size(),
                  node_.outputs.size(), num_xs_, named_.size() - num_xs_);
    for (ValueId v : node_.inputs)
      if (v == kNoValue) view_.error("an input is missing");
  }

  /// Behind the nodes of `g`, which all come before this one.
  void run() {
    infer_types();
    const ValueId y = recomputed();
    const size_t forward = g_.nodes.size();
    const std::span<const ValueId> xs(sources_.data(), num_xs_);
    const ValueId seed = emit("Add", {emit("ZerosLike", {y}, kDunlinDomain), one(y)});
    const Seed seeds[] = {{y, seed}};
    Differentiated d = backpropagate(std::move(g_), seeds, xs);
    g_ = std::move(d.graph);
    for (size_t i = 0; i < node_.outputs.size(); ++i) {
      if (node_.outputs[i] == kNoValue) continue;
      if (d.gradients[i] == kNoValue)
        emit("ZerosLike", {xs[i]}, kDunlinDomain, node_.outputs[i]);
      else
        emit("Identity", {d.gradients[i]}, "", node_.outputs[i]);
    }
    for (size_t i = forward; i < g_.nodes.size(); ++i)
      if (!node_.name.empty()) g_.nodes[i].name = node_.name + "/" + g_.nodes[i].op;
  }

 private:
  /// Gradients ask for ranks and shapes, which a file need not state.
  void infer_types() {
    Graph typed = g_;
    typed.outputs.clear();
    InferOptions options;
    options.folding.max_bytes = 0;
    typed = infer_and_fold(std::move(typed), options);
    for (size_t v = 0; v < g_.values.size(); ++v) g_.values[v].type = typed.values[v].type;
  }

  /// y as a function of the node's inputs alone: where these are not the values that xs and zs name, or nodes make
  /// them, the nodes between those and y are run once more, on copies of the inputs.
  ValueId recomputed() {
    sources_ = node_.inputs;
    const std::vector<int> producer = producers(g_);
    if (named_ == node_.inputs &&
        std::all_of(named_.begin(), named_.end(), [&](ValueId v) { return producer[at(v)] < 0; }))
      return y_;
    for (ValueId& v : sources_) v = emit("Identity", {v});
    std::vector<ValueId> to(g_.values.size(), kNoValue);
    for (size_t i = 0; i < named_.size(); ++i) to[at(named_[i])] = sources_[i];
    std::vector<Node> copies;
    for (const Node& n : g_.nodes) {
      const bool moved = std::any_of(n.inputs.begin(), n.inputs.end(),
                                     [&](ValueId v) { return v != kNoValue && to[at(v)] != kNoValue; });
      if (!moved) continue;
      Node copy = n;
      for (ValueId& v : copy.inputs)
        if (v != kNoValue && to[at(v)] != kNoValue) v = to[at(v)];
      for (ValueId& v : copy.outputs) {
        if (v == kNoValue) continue;
        const ValueId fresh =
            g_.add_value(fmt::format("gradient/{}/{}", g_.values.size(), g_.value_name(v)), g_.type(v));
        to.resize(g_.values.size(), kNoValue);
        if (to[at(v)] == kNoValue) to[at(v)] = fresh;
        v = fresh;
      }
      if (op_of(g_, n).random) draw_as(g_, n, copy);
      copies.push_back(std::move(copy));
    }
    for (Node& n : copies) g_.nodes.push_back(std::move(n));
    return to[at(y_)] == kNoValue ? y_ : to[at(y_)];
  }

  ValueId emit(std::string op, std::vector<ValueId> inputs, std::string_view domain = "",
               ValueId out = kNoValue) {
    if (out == kNoValue) out = g_.add_value(fmt::format("gradient/{}", g_.values.size()), g_.type(inputs[0]));
    if (!domain.empty()) g_.opsets.try_emplace(std::string(domain), 1);
    g_.nodes.push_back({.op = std::move(op),
                        .domain = std::string(domain),
                        .name = "gradient",
                        .attributes = {},
                        .inputs = std::move(inputs),
                        .outputs = {out},
                        .opset = domain.empty() ? kNewestOpset : 1});
    return out;
  }

  ValueId one(ValueId like) {
    const Format format = g_.type(like).format;
    if (!format || format->kind != FormatDef::Kind::kFloat)
      view_.error("y is {}, floating point is expected", to_string(g_.type(like)));
    auto t = std::make_shared<Tensor>(format, Shape{});
    for_float_format(format, [&]<typename T>() { *t->data<T>() = static_cast<T>(1.f); });
    return g_.add_initializer(fmt::format("gradient/{}/one", g_.values.size()), std::move(t));
  }

  Graph& g_;
  const Node node_;
  NodeView view_;
  ValueId y_ = kNoValue;
  std::vector<ValueId> named_;    // xs, then zs
  std::vector<ValueId> sources_;  // what stands for them
  size_t num_xs_ = 0;
};

}  // namespace

Graph expand_gradients(Graph g, uint64_t max_nodes) {
  if (std::none_of(g.nodes.begin(), g.nodes.end(), is_gradient)) return g;
  uint64_t visits = 0;  // each looks at all nodes before it
  std::vector<Node> nodes = std::move(g.nodes);
  g.nodes.clear();
  for (Node& node : nodes) {
    if (!is_gradient(node)) {
      g.nodes.push_back(std::move(node));
      continue;
    }
    const std::string name = describe(g, node);
    visits += g.nodes.size();
    if (visits > 4 * max_nodes)
      fail(ErrorCode::kResourceExhausted, "{}: the Gradient nodes so far look at more than {} nodes", name,
           4 * max_nodes);
    Expansion(g, std::move(node)).run();
    // Each gradient of a gradient doubles what is there.
    if (g.nodes.size() > max_nodes)
      fail(ErrorCode::kResourceExhausted, "{}: the graph grows beyond {} nodes", name, max_nodes);
  }
  return g;
}

}  // namespace dunlin
