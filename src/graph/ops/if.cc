#include "graph/body.h"

namespace dunlin::ops {

namespace {

/// else_branch and then_branch.
std::pair<Body, Body> branches_of(const NodeView& n) {
  const std::pair<Body, Body> both{n.body("else_branch"), n.body("then_branch")};
  for (const Body& b : {both.first, both.second}) {
    if (!b.graph->inputs.empty())
      n.error("{} has {} inputs, none are expected", b.attribute, b.graph->inputs.size());
    if (b.graph->outputs.size() != static_cast<size_t>(n.num_outputs()))
      n.error("{} has {} outputs, the node has {}", b.attribute, b.graph->outputs.size(), n.num_outputs());
  }
  return both;
}

std::vector<Type> infer_if(const InferArgs& a) {
  const auto [no, yes] = branches_of(a);
  if (a.format(0) && a.format(0) != &formats::kBool)
    a.error("the condition is {}, a bool is expected", to_string(a.type(0)));
  std::vector<Type> out = infer_body(a, yes, {});
  const std::vector<Type> other = infer_body(a, no, {});
  for (size_t i = 0; i < out.size(); ++i) {
    const auto both = merge(out[i], other[i]);
    if (!both)
      a.error("output {} is {} in then_branch, {} in else_branch", i, to_string(out[i]), to_string(other[i]));
    out[i] = *both;
  }
  return out;
}

void run_if(const ValueCall& c) {
  const auto [no, yes] = branches_of(c);
  std::vector<RunValue> out = c.run_body(scalar_input(c, 0) != 0 ? yes : no, {});
  for (size_t i = 0; i < out.size(); ++i) c.give(static_cast<int>(i), std::move(out[i]));
}

}  // namespace

/// One of two subgraphs. An If whose condition is known is not here any more: see infer_and_fold().
extern constexpr OpDef kIf{.name = "If",
                           .source = "ONNX If",
                           .inputs = 1,
                           .outputs = {1, kVariadic},
                           .infer = infer_if,
                           .run = run_if,
                           .strings = Strings::kTaken};

}  // namespace dunlin::ops
