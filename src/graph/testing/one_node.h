// For tests: a graph of one node, for inputs that the words of a sample do not name.
#pragma once

#include "graph/ir.h"

namespace dunlin {

/// Node "n" of the newest opset, reading inputs of the types of `inputs` and making `outputs` values.
inline Graph one_node(std::string op, const std::vector<Tensor>& inputs, Attributes attributes = {},
                      size_t outputs = 1) {
  Graph g;
  g.name = "g";
  g.opsets[""] = kNewestOpset;
  Node node{.op = std::move(op),
            .domain = "",
            .name = "n",
            .attributes = std::move(attributes),
            .inputs = {},
            .outputs = {}};
  for (const Tensor& t : inputs)
    g.inputs.push_back(
        g.add_value("in" + std::to_string(g.inputs.size()), {.format = t.format(), .shape = t.shape()}));
  node.inputs = g.inputs;
  for (size_t i = 0; i < outputs; ++i) g.outputs.push_back(g.add_value("out" + std::to_string(i)));
  node.outputs = g.outputs;
  g.nodes.push_back(std::move(node));
  return g;
}

}  // namespace dunlin
