// What PyTorch's dynamo exporter says about initialisers: which of them are parameters of the module, which are
// buffers. What it folded itself (a sampling grid, a mask) is an initialiser too, and none of the module's.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir.h"

namespace dunlin {

/// Key of GraphProto.metadata_props; Model::metadata keeps it.
inline constexpr std::string_view kGraphSignature = "pkg.torch.export.ExportedProgram.graph_signature";

/// Key of Model::metadata: Constant nodes of this model are no weights.
inline constexpr std::string_view kHeld = "dunlin.constants";

struct GraphSignature {
  std::set<std::string_view> parameters;  ///< names of initialisers, where they are still there
  std::set<std::string_view> others;      ///< buffers and lifted constants
};

/// Lines such as `p_l_weight: PARAMETER target='l.weight'`; all others say nothing. Views of `text`, in time and
/// memory linear in it.
GraphSignature parse_graph_signature(std::string_view text);

struct ExporterConstants {
  std::vector<std::string> names;
  uint64_t elements = 0;
  /// The module had running means, and the graph has no BatchNormalization.
  bool batch_norm_folded = false;
};

/// Turns what find_weights() would take for weights and is none into Constant nodes, and drops the signature, which
/// then has nothing more to say: what training sees, and writes. Where parameters are missing (the exporter
/// transposes matrices, joins those of an LSTM), unnamed initialisers that stand where such weights stand remain.
/// Nothing happens with a signature that names no initialiser as a parameter; without one there is lift_constants().
ExporterConstants hold_constants(Model& model);

}  // namespace dunlin
