// Exporters merge equal initialisers (the scales of all BatchNormalizations are ones at first) and read one of them
// directly, the others through Identity.
#pragma once

#include "graph/ir.h"

namespace dunlin {

/// What stands behind Identity becomes an initialiser of its own, by the name of Identity's output. Where nothing but
/// one Identity reads an initialiser, it is that weight itself, which keeps its name.
void untie_initializers(Graph& graph);

}  // namespace dunlin
