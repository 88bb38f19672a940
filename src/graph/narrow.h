// Which ops take narrow elements: FLOAT8, FLOAT4, INT4 and their kin.
#pragma once

#include <span>

#include "graph/op.h"

namespace dunlin {

/// `types` of the node's inputs. Throws kUnsupported, naming node, input and type, for narrow elements where the op
/// computes: references and kernels know whole types only.
void check_narrow(const Graph& graph, const Node& node, const OpDef& op, std::span<const Type> types);

}  // namespace dunlin
