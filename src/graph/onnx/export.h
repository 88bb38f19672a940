// Model -> ONNX file. The same model gives the same bytes, always.
#pragma once

#include <string>

#include "base/file_system.h"
#include "graph/ir.h"

namespace dunlin {

struct ExportOptions {
  /// Initialisers of at least this many bytes go to a second file beside the model. A model that protobuf's
  /// limit of 2 GB would not hold does so from 1 KiB on.
  uint64_t external_threshold_bytes = UINT64_MAX;
  uint64_t alignment_bytes =
      4096;  ///< of each tensor in the second file, so that it can be mapped; 65536 for Windows
};

/// The file's bytes. Throws kUnsupported, naming the node, for what other tools could not read: ops of the
/// internal `dunlin` domain, nodes in another opset than their graph's, formats without an ONNX element type.
/// IR version 3 and below are written as 4, because there every initialiser would have to be an input.
Bytes serialize_onnx(const Model& model);

/// Replaces `path` in one step. The second file's name holds the hash of its content (resnet-3f2a...e1.data),
/// so that neither a crash nor a reader sees one model with the other's weights; an older one is left where
/// it is.
void save_onnx(const Model& model, const std::string& path, const ExportOptions& options = {},
               FileSystem& files = system_files());

}  // namespace dunlin
