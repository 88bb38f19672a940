// The passes that leave a graph in ONNX's terms, or nearly, in their order: what is done before anything is planned.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// Types must have been inferred, with constants folded. Sizes may be open: what only known sizes allow is found when
/// the graph of known sizes is simplified again. New values have no types yet.
Graph simplify(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
