#include <algorithm>
#include <functional>
#include <queue>

#include "base/error.h"
#include "graph/onnx/graph_reader.h"

namespace dunlin::onnx {

namespace {

[[noreturn]] void fail_cycle(const Graph& graph, const std::vector<int>& producer,
                             const std::vector<int>& waiting) {
  // Every node that still waits has a producer that still waits; walking back must come round.
  size_t at = 0;
  while (waiting[at] == 0) ++at;
  std::vector<size_t> path;
  std::vector<bool> seen(waiting.size(), false);
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    for (ValueId v : graph.nodes[at].inputs) {
      const int p = v == kNoValue ? -1 : producer[static_cast<size_t>(v)];
      if (p >= 0 && waiting[static_cast<size_t>(p)] != 0) {
        at = static_cast<size_t>(p);
        break;
      }
    }
  }
  std::string text = describe(graph, graph.nodes[at]);
  constexpr int kShown = 8;
  int shown = 0;
  for (size_t i = path.size(); i-- > 0 && path[i] != at;)
    if (++shown <= kShown) text += " -> " + describe(graph, graph.nodes[path[i]]);
  if (shown > kShown) text += fmt::format(" -> ({} more)", shown - kShown);
  fail(ErrorCode::kCorrupt, "the graph has a cycle: {} -> {}", text, describe(graph, graph.nodes[at]));
}

}  // namespace

void sort_nodes(Graph& graph) {
  const std::vector<int> producer = producers(graph);
  std::vector<int> waiting(graph.nodes.size(), 0);
  std::vector<std::vector<size_t>> readers(graph.nodes.size());
  bool sorted = true;
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (ValueId v : graph.nodes[i].inputs)
      if (const int p = v == kNoValue ? -1 : producer[static_cast<size_t>(v)]; p >= 0) {
        sorted &= static_cast<size_t>(p) < i;
        ++waiting[i];
        readers[static_cast<size_t>(p)].push_back(i);
      }
  if (sorted) return;
  // The smallest index first keeps the file's order wherever it can be kept.
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < waiting.size(); ++i)
    if (waiting[i] == 0) ready.push(i);
  std::vector<size_t> order;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (size_t r : readers[i])
      if (--waiting[r] == 0) ready.push(r);
  }
  if (order.size() < graph.nodes.size()) fail_cycle(graph, producer, waiting);
  std::vector<Node> nodes;
  nodes.reserve(order.size());
  for (size_t i : order) nodes.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(nodes);
}

}  // namespace dunlin::onnx
