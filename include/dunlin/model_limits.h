/// What reading and preparing a model may cost at most, whatever its file claims: a kilobyte can ask for any amount
/// of memory and time. What a run may take stands in SessionOptions and RunContext.
///
/// Example:
///   dunlin::ModelLimits limits;
///   limits.max_tensor_bytes = 1 << 30;  // weights of a gibibyte at most
///   limits.max_nodes = 10'000;
///
/// Threads a value, copied. Errors: what is beyond a limit is refused with kResourceExhausted, naming the limit.
#pragma once

#include <cstdint>

namespace dunlin {

struct ModelLimits {
  /// Protobuf's own limit; larger models use external data.
  uint64_t max_file_bytes = (uint64_t{1} << 31) - 1;
  int max_depth = 16;  ///< of subgraphs inside subgraphs
  /// Nodes, attributes, names, tensors ...: a few bytes in a file, hundreds in memory.
  uint64_t max_messages = 8'000'000;
  uint64_t max_nodes =
      1'000'000;  ///< in all graphs and functions together, and again once functions are inlined
  uint64_t max_name_bytes = 1 << 12;  ///< of one name
  int max_rank = 32;
  uint64_t max_tensor_bytes = uint64_t{64} << 30;  ///< of all tensors, external data included
  uint64_t max_inlined_bytes = uint64_t{1} << 30;  ///< of what calls of functions become
  int max_call_depth = 32;                         ///< of functions that call functions
  /// Of all values together that are computed once and for all because nothing they depend on changes.
  uint64_t max_folded_bytes = uint64_t{1} << 30;
};

}  // namespace dunlin
