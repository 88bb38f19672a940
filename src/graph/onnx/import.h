// ONNX file -> Model. Reading is bounded: every size in a file is checked before memory is spent on it, and
// nothing outside the model's folder is opened.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "graph/ir.h"

namespace dunlin {

/// The newest version of the file format itself; later ones so far only add element types, which are refused
/// by name where they are used.
inline constexpr int64_t kNewestIrVersion = 13;

struct ImportLimits {
  uint64_t max_file_bytes =
      (uint64_t{1} << 31) - 1;  ///< protobuf's own limit; larger models use external data
  int max_depth = 16;           ///< of subgraphs inside subgraphs
  uint64_t max_messages =
      8'000'000;  ///< nodes, attributes, tensors ... : a few bytes in a file, hundreds in memory
  uint64_t max_name_bytes = 1 << 16;  ///< of one name
  int max_rank = 32;
  uint64_t max_tensor_bytes = uint64_t{64} << 30;  ///< of all tensors, external data included
};

struct ImportOptions {
  std::string origin = "model";       ///< begins every error: a file name
  std::optional<std::string> folder;  ///< of external data; none: external data is refused
  ImportLimits limits;
  /// Not null: gets the bytes that tensors take from each file of external data.
  std::map<std::string, uint64_t>* external_bytes = nullptr;
};

/// Throws kCorrupt for what is not ONNX or contradicts itself, kUnsupported for what Dunlin does not read
/// (opsets above kNewestOpset, element types, sparse tensors: by name), kResourceExhausted above a limit. Ops
/// are not looked up: check_supported() (graph/support.h) says which are missing.
Model parse_onnx(ByteSpan bytes, const ImportOptions& options = {});

/// The file is mapped; big tensors in external data stay mapped as long as they live.
Model load_onnx(const std::string& path, const ImportLimits& limits = {},
                std::map<std::string, uint64_t>* external_bytes = nullptr);

}  // namespace dunlin
