// What of a model Dunlin cannot run, all of it at once, before anything is planned.
#pragma once

#include "graph/ir.h"

namespace dunlin {

/// "Conv", "ai.onnx.ml.Scaler"
std::string op_name(const Node& node);

struct Unsupported {
  std::string op;           ///< "Einsum", "ai.onnx.ml.Scaler", or "" for an input
  std::string node;         ///< its name, or its first output's; or the input's
  std::string reason;       ///< one sentence, with what is supported
  std::string domain = {};  ///< "ai.onnx.ml"; "" is ai.onnx
  int opset = 0;            ///< of the domain; 0 for an input
};

/// Everything that is missing: ops (in subgraphs too), element types of inputs. Empty: the graph can be planned.
/// Call it on the graph that inline_functions() returns.
std::vector<Unsupported> unsupported_parts(const Graph& graph);

/// Of one op, or one input, that cannot run.
struct UnsupportedGroup {
  Unsupported first;
  size_t nodes = 0;
  /// The reason of the first, and how many are like it.
  std::string sentence() const;
};
/// In the order of the first of each.
std::vector<UnsupportedGroup> by_op(const std::vector<Unsupported>& parts);

/// The newest opset of that domain whose meaning is known; 0 where any is taken.
int newest_opset(std::string_view domain);

/// Throws kUnsupported that lists them by op (the first ones, and how many more).
void check_supported(const Graph& graph);

}  // namespace dunlin
