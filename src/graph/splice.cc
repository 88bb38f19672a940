#include "graph/splice.h"

namespace dunlin {

Splice::Splice(Graph& g, const Graph& body, std::span<const ValueId> formals, std::span<const ValueId> inputs,
               std::span<const ValueId> outputs, const std::function<std::string(const std::string&)>& unused)
    : g_(g), body_(body), to_(body.values.size(), kNoValue) {
  std::vector<char> mapped(body.values.size(), 0);
  const auto map = [&](ValueId v, ValueId target) {
    to_[static_cast<size_t>(v)] = target;
    mapped[static_cast<size_t>(v)] = 1;
  };
  for (size_t i = 0; i < formals.size(); ++i) map(formals[i], i < inputs.size() ? inputs[i] : kNoValue);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == kNoValue) continue;
    if (mapped[static_cast<size_t>(body.outputs[i])])
      copies_.emplace_back(body.outputs[i], outputs[i]);
    else
      map(body.outputs[i], outputs[i]);
  }
  for (size_t v = 0; v < body.values.size(); ++v)
    if (!mapped[v]) to_[v] = g.add_value(unused(body.values[v].name));
  for (const auto& [v, tensor] : body.initializers) {
    g.values[static_cast<size_t>(to(v))].type = {.format = tensor->format(), .shape = tensor->shape()};
    g.initializers.emplace(to(v), tensor);
  }
}

Node Splice::node(const Node& inner, const std::string& prefix) const {
  Node node = inner;
  node.name = node.name.empty() ? prefix : prefix + "/" + node.name;
  for (std::vector<ValueId>* list : {&node.inputs, &node.outputs})
    for (ValueId& v : *list)
      if (v != kNoValue) v = to(v);
  const int opset = body_.opset_of(inner);
  node.opset = 0;
  if (g_.opset_of(node) != opset) node.opset = opset;
  return node;
}

std::vector<Node> Splice::copies(const std::string& prefix) const {
  std::vector<Node> nodes;
  for (const auto& [from, target] : copies_) {
    Node& copy = nodes.emplace_back();
    copy.op = "Identity";
    copy.name = prefix;
    copy.inputs = {to(from)};
    copy.outputs = {target};
  }
  return nodes;
}

}  // namespace dunlin
