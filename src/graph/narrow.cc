#include "graph/narrow.h"

#include <algorithm>

#include "graph/node_error.h"

namespace dunlin {

void check_narrow(const Graph& graph, const Node& node, const OpDef& op, std::span<const Type> types) {
  const auto narrow = [](const Type& t) { return t.format && t.format->narrow != nullptr; };
  // Ops that run subgraphs or take sequences hand elements on.
  if (op.run || std::none_of(types.begin(), types.end(), narrow)) return;
  for (size_t i = 0; i < types.size(); ++i)
    if (narrow(types[i]) && !op.takes_narrow(i))
      fail_at(graph, node, ErrorCode::kUnsupported,
              "input {} is {}; {} of such elements is not supported, Cast makes wider ones of them", i,
              types[i].format->name, node.op);
}

}  // namespace dunlin
