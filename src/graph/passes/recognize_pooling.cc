#include "graph/passes/recognize_pooling.h"

#include "graph/infer.h"
#include "graph/passes/rewrite.h"

namespace dunlin {

Graph recognize_pooling(Graph g, const std::set<ValueId>& variable) {
  Rewrite r(g, variable);
  for (const Node& n : g.nodes) {
    if (n.op != "ReduceMean" || !n.domain.empty() || g.type(n.inputs[0]).format != &formats::kF32) continue;
    const auto axes = r.kept_axes(n);
    if (axes && *axes == std::vector{2, 3} && g.type(n.inputs[0]).shape->rank() == 4)
      r.replace(n, {}, new_node("GlobalAveragePool", {n.inputs[0]}));
  }
  return remove_dead(std::move(g));
}

}  // namespace dunlin
