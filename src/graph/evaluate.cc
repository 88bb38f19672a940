#include "graph/evaluate.h"

namespace dunlin {

namespace {

std::vector<RunValue> run_node(const Graph& graph, const Node& node, std::span<const RunValue* const> in,
                               const RunContext& context) {
  bool all_tensors = true;
  for (const RunValue* v : in) all_tensors &= v == nullptr || v->is_tensor();
  if (runs_values(op_of(graph, node), all_tensors)) {
    const auto run_body = [](const Body& body, std::vector<RunValue> inputs, const RunContext& inner) {
      return evaluate_values(*body.graph, std::move(inputs), inner);
    };
    return run_values(graph, node, in, context, run_body);
  }
  if (!all_tensors)
    fail(ErrorCode::kInvalidArgument, "{}: tensors are expected, got a sequence or nothing",
         describe(graph, node));
  std::vector<const Tensor*> tensors;
  for (const RunValue* v : in) tensors.push_back(v ? &v->tensor() : nullptr);
  std::vector<RunValue> out;
  for (Tensor& t : run_reference(graph, node, tensors, context)) out.emplace_back(std::move(t));
  return out;
}

}  // namespace

std::vector<RunValue> evaluate_values(const Graph& graph, std::vector<RunValue> inputs,
                                      const RunContext& context) {
  std::vector<ValueId> given = graph.inputs;
  given.insert(given.end(), graph.captured.begin(), graph.captured.end());
  if (inputs.size() != given.size())
    fail(ErrorCode::kInvalidArgument, "graph \"{}\" has {} inputs, {} were given", graph.name, given.size(),
         inputs.size());
  RunContext counted = context;
  uint64_t iterations = context.max_iterations;
  if (!counted.iterations_left) counted.iterations_left = &iterations;
  std::vector<RunValue> values(graph.values.size());
  std::vector<char> made(graph.values.size(), 0);
  for (size_t i = 0; i < inputs.size(); ++i) values[static_cast<size_t>(given[i])] = std::move(inputs[i]);
  for (const auto& [v, tensor] : graph.initializers)
    if (RunValue& value = values[static_cast<size_t>(v)]; value.is_nothing()) value = tensor->view();
  for (const Node& node : graph.nodes) {
    std::vector<const RunValue*> in;
    for (ValueId v : node.inputs) in.push_back(v == kNoValue ? nullptr : &values[static_cast<size_t>(v)]);
    std::vector<RunValue> out = run_node(graph, node, in, counted);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (const ValueId v = node.outputs[i]; v != kNoValue) {
        values[static_cast<size_t>(v)] = std::move(out[i]);
        made[static_cast<size_t>(v)] = 1;
      }
  }
  std::vector<RunValue> outputs;
  for (ValueId v : graph.outputs) {
    const RunValue& value = values[static_cast<size_t>(v)];
    outputs.push_back(made[static_cast<size_t>(v)] ? value.view() : value.clone());
  }
  return outputs;
}

std::vector<Tensor> evaluate(const Graph& graph, std::span<const Tensor> inputs, const RunContext& context) {
  std::vector<RunValue> values;
  for (const Tensor& t : inputs) values.emplace_back(t.view());
  std::vector<Tensor> outputs;
  for (RunValue& v : evaluate_values(graph, std::move(values), context)) {
    if (!v.is_tensor()) fail(ErrorCode::kInvalidArgument, "graph \"{}\": an output is no tensor", graph.name);
    outputs.push_back(std::move(v.tensor()));
  }
  return outputs;
}

}  // namespace dunlin
