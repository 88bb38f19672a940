// ONNX file -> Model. Reading is bounded: every size in a file is checked before memory is spent on it, and
// nothing outside the model's folder is opened.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "dunlin/model_limits.h"
#include "graph/ir.h"

namespace dunlin {

/// The newest version of the file format itself; later ones so far only add element types, which are refused
/// by name where they are used.
inline constexpr int64_t kNewestIrVersion = 13;

struct ImportOptions {
  std::string origin = "model";       ///< begins every error: a file name
  std::optional<std::string> folder;  ///< of external data; none: external data is refused
  ModelLimits limits;
  /// Not null: gets the bytes that tensors take from each file of external data.
  std::map<std::string, uint64_t>* external_bytes = nullptr;
};

/// Throws kCorrupt for what is not ONNX or contradicts itself, kUnsupported for what Dunlin does not read
/// (opsets above kNewestOpset, element types, sparse tensors: by name), kResourceExhausted above a limit. Ops
/// are not looked up: check_supported() (graph/support.h) says which are missing.
Model parse_onnx(ByteSpan bytes, const ImportOptions& options = {});

/// The file is mapped; big tensors in external data stay mapped as long as they live.
Model load_onnx(const std::string& path, const ModelLimits& limits = {},
                std::map<std::string, uint64_t>* external_bytes = nullptr);

}  // namespace dunlin
