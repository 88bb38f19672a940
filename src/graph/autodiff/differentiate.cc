#include "graph/autodiff/differentiate.h"

#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/autodiff/gradient_path.h"

namespace dunlin {

namespace {

size_t at(ValueId v) { return static_cast<size_t>(v); }

}  // namespace

Differentiated backpropagate(Graph graph, std::span<const Seed> seeds, std::span<const ValueId> wrt) {
  Graph& g = graph;
  const std::vector<bool> reached = reached_by_gradients(g, wrt);
  std::vector<std::vector<ValueId>> pending(g.values.size());
  for (const Seed& s : seeds) pending[at(s.value)].push_back(s.gradient);

  const auto emit_node = [&](std::string op, std::vector<ValueId> inputs) {
    Node n{.op = std::move(op),
           .domain = "",
           .name = "grad/accumulate",
           .attributes = {},
           .inputs = std::move(inputs),
           .outputs = {},
           .opset = kNewestOpset};
    n.outputs = {g.add_value(fmt::format("grad/sum/{}", g.values.size()), g.type(n.inputs[0]))};
    g.nodes.push_back(std::move(n));
    return g.nodes.back().outputs[0];
  };
  // A value read in several places: its gradient is the sum of what each reader gives, in a fixed order.
  const auto total = [&](ValueId v) {
    auto& list = pending[at(v)];
    if (list.empty()) return kNoValue;
    while (list.size() > 1) {
      const ValueId sum = emit_node("Add", {list[0], list[1]});
      list.erase(list.begin());
      list[0] = sum;
    }
    return list[0];
  };

  for (size_t i = g.nodes.size(); i-- > 0;) {
    const Node node = g.nodes[i];  // a copy: emitting nodes moves the original
    std::vector<bool> needed;
    for (ValueId v : node.inputs) needed.push_back(v != kNoValue && at(v) < reached.size() && reached[at(v)]);
    if (std::find(needed.begin(), needed.end(), true) == needed.end()) continue;
    std::vector<ValueId> out_grads;
    bool any = false;
    for (ValueId v : node.outputs) {
      out_grads.push_back(v != kNoValue && reached[at(v)] ? total(v) : kNoValue);
      any |= out_grads.back() != kNoValue;
    }
    if (!any) continue;
    const OpDef& op = op_of(g, node);
    if (!op.gradient)
      fail(ErrorCode::kUnsupported, "cannot train through {}: the op {} has no gradient (path: {})",
           describe(g, node), node.op, path_from_weight(g, node, wrt));
    Grad grad(g, node, std::move(out_grads), needed);
    op.gradient(grad);
    for (Node& n : grad.emitted()) g.nodes.push_back(std::move(n));
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueId d = grad.input_gradient(static_cast<int>(k));
      if (d != kNoValue)
        pending[at(node.inputs[k])].push_back(d);
      else if (needed[k] && !op.reads_only_shape(k) && !op.stops_gradient)
        fail(ErrorCode::kUnsupported, "cannot train through {}: input {} of {} has no gradient (path: {})",
             describe(g, node), k, node.op, path_from_weight(g, node, wrt, node.inputs[k]));
    }
  }

  Differentiated out;
  for (ValueId v : wrt) out.gradients.push_back(total(v));
  out.graph = std::move(graph);
  return out;
}

Differentiated differentiate(Graph graph, ValueId loss, std::span<const ValueId> wrt) {
  const Type type = graph.type(loss);
  if (!type.format || type.format->kind != FormatDef::Kind::kFloat || !type.shape || !type.shape->known() ||
      type.shape->num_elements() != 1)
    fail(ErrorCode::kInvalidArgument, "the loss \"{}\" must be one floating-point number, it is {}",
         graph.value_name(loss), to_string(type));
  auto one = std::make_shared<Tensor>(type.format, *type.shape);
  for_float_format(type.format, [&]<typename T>() { *one->data<T>() = static_cast<T>(1.f); });
  const Seed seed{loss, graph.add_initializer(graph.unused_name("grad/loss"), std::move(one))};
  return backpropagate(std::move(graph), std::span(&seed, 1), wrt);
}

}  // namespace dunlin
