// Other attributes for the node of a sample, as the standard allows them.
#pragma once

#include <string>

#include "base/random.h"
#include "graph/ir.h"

namespace dunlin::peers {

/// Changes, adds and removes attributes of the graph's one node. What comes out need not be valid.
void vary_attributes(Graph& g, Philox& rng);

std::string attribute_text(const Attribute& a);

}  // namespace dunlin::peers
