// For tests: what the gradient of one op emits.
#pragma once

#include <algorithm>

#include "graph/autodiff/differentiate.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"

namespace dunlin {

/// From the inputs of `s` (f64 throughout) to the gradients of its output's sum by the inputs in `wrt`.
inline Graph gradient_of(const SampleCase& s, std::initializer_list<size_t> wrt) {
  Graph g = infer_and_fold(s.graph);
  auto ones = std::make_shared<Tensor>(&formats::kF64, evaluate(s.graph, s.inputs)[0].shape());
  std::fill_n(ones->data<double>(), ones->num_elements(), 1.0);
  std::vector<ValueId> values;
  for (size_t i : wrt) values.push_back(g.inputs[i]);
  const Seed seed{g.outputs[0], g.add_initializer("ones", std::move(ones))};
  Differentiated d = backpropagate(std::move(g), std::span(&seed, 1), values);
  d.graph.outputs = d.gradients;
  return remove_dead(std::move(d.graph));
}

}  // namespace dunlin
