/// What reading and preparing a model may cost at most, whatever its file claims: a kilobyte can ask for any amount
/// of memory and time. What a run may take stands in SessionOptions and RunContext.
///
/// Example:
///   dunlin::ModelLimits limits;
///   limits.max_tensor_bytes = 1 << 30;  // weights of a gibibyte at most
///   limits.max_nodes = 10'000;
///
/// Threads a value, copied. Errors: what is beyond a limit is refused with kResourceExhausted, naming the limit; a
/// limit that is none (a negative depth) with kInvalidArgument.
#pragma once

#include <cstdint>

namespace dunlin {

/// What is computed once and for all because nothing it depends on changes. Nodes beyond these limits are no error:
/// they stay in the graph, and run with the others.
struct FoldingLimits {
  uint64_t max_bytes = uint64_t{1} << 30;        ///< of all values that are kept, together
  uint64_t max_grown_bytes = uint64_t{1} << 24;  ///< of one that is more than four times its inputs
  uint64_t max_node_macs = uint64_t{1} << 28;    ///< multiplications of one node
  /// Bytes read and written, and multiplications, of all such nodes together: some ten seconds.
  uint64_t max_work = uint64_t{1} << 34;
};

struct ModelLimits {
  /// Protobuf's own limit; larger models use external data.
  uint64_t max_file_bytes = (uint64_t{1} << 31) - 1;
  int max_depth = 16;  ///< of subgraphs inside subgraphs, 0 to 64
  /// Nodes, attributes, names, tensors ...: a few bytes in a file, hundreds in memory.
  uint64_t max_messages = 8'000'000;
  uint64_t max_nodes =
      1'000'000;  ///< in all graphs and functions together, and again once functions are inlined
  uint64_t max_name_bytes = 1 << 12;               ///< of one name
  int max_rank = 32;                               ///< 0 or more
  uint64_t max_tensor_bytes = uint64_t{64} << 30;  ///< of all tensors, external data included
  uint64_t max_inlined_bytes = uint64_t{1} << 30;  ///< of what calls of functions become
  int max_call_depth = 32;                         ///< of functions that call functions, 0 to 64
  FoldingLimits folding = {};
  /// Of the model in memory: what its files hold once they are read, what functions become, what is folded. Counted,
  /// not measured: from what stands in the file, before it is parsed. Sessions with `max_bytes` lower it to that.
  uint64_t max_model_bytes = UINT64_MAX;
};

}  // namespace dunlin
