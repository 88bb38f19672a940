// A graph's body in place of the node that calls it: a function's call, or an If whose condition is known.
#pragma once

#include <functional>
#include <span>

#include "graph/ir.h"

namespace dunlin {

class Splice {
 public:
  /// Values of `g` for those of `body`: `inputs` for `formals` (kNoValue for those left out), `outputs` for its
  /// outputs, and new ones, named by `unused`, for the rest, with what `body` has of initialisers.
  Splice(Graph& g, const Graph& body, std::span<const ValueId> formals, std::span<const ValueId> inputs,
         std::span<const ValueId> outputs, const std::function<std::string(const std::string&)>& unused);

  ValueId to(ValueId inner) const { return to_[static_cast<size_t>(inner)]; }
  /// A node of the body as a node of `g`. Names within its own subgraphs stay.
  Node node(const Node& inner, const std::string& prefix) const;
  /// An output of the body that is also an input, or given twice, is copied by one of these.
  std::vector<Node> copies(const std::string& prefix) const;

 private:
  Graph& g_;
  const Graph& body_;
  std::vector<ValueId> to_;
  std::vector<std::pair<ValueId, ValueId>> copies_;
};

}  // namespace dunlin
