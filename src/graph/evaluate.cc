#include "graph/evaluate.h"

namespace dunlin {

std::vector<Tensor> evaluate(const Graph& graph, std::span<const Tensor> inputs, const RunContext& context) {
  if (inputs.size() != graph.inputs.size())
    fail(ErrorCode::kInvalidArgument, "graph \"{}\" has {} inputs, {} were given", graph.name,
         graph.inputs.size(), inputs.size());
  std::vector<Tensor> values(graph.values.size());
  for (size_t i = 0; i < inputs.size(); ++i) values[static_cast<size_t>(graph.inputs[i])] = inputs[i].view();
  for (const auto& [v, tensor] : graph.initializers)
    if (!values[static_cast<size_t>(v)]) values[static_cast<size_t>(v)] = tensor->view();
  for (const Node& node : graph.nodes) {
    std::vector<const Tensor*> in;
    for (ValueId v : node.inputs) in.push_back(v == kNoValue ? nullptr : &values[static_cast<size_t>(v)]);
    std::vector<Tensor> out = run_reference(graph, node, in, context);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNoValue) values[static_cast<size_t>(node.outputs[i])] = std::move(out[i]);
  }
  std::vector<Tensor> outputs;
  for (ValueId v : graph.outputs) outputs.push_back(values[static_cast<size_t>(v)].view());
  return outputs;
}

}  // namespace dunlin
