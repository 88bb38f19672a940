// Errors that say which node they are about.
#pragma once

#include <utility>

#include "base/error.h"
#include "graph/ir.h"

namespace dunlin {

/// Its words begin with a node; who passes it on names no other.
class NodeError : public Error {
 public:
  using Error::Error;
};

/// Throws NodeError{code, `Op "node": ` + message}.
template <typename... Args>
[[noreturn]] void fail_at(const Graph& graph, const Node& node, ErrorCode code,
                          fmt::format_string<Args...> text, Args&&... args) {
  throw NodeError(code, describe(graph, node) + ": " + fmt::format(text, std::forward<Args>(args)...));
}

/// What `f` gives; an error that names no node names this one.
template <typename F>
decltype(auto) naming(const Graph& graph, const Node& node, F&& f) {
  try {
    return f();
  } catch (const NodeError&) {
    throw;
  } catch (const Error& e) {
    throw NodeError(e.code(), describe(graph, node) + ": " + e.what());
  }
}

}  // namespace dunlin
