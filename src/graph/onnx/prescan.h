// A walk over a file in ONNX's wire format before protobuf parses it: a message of two bytes in the file costs
// hundreds in memory, so their number is bounded first.
#pragma once

#include "base/bytes.h"
#include "graph/onnx/import.h"

namespace dunlin::onnx {

/// What a file is: a model or, as in ONNX's test data, a value.
enum class FileKind : uint8_t { kModel, kTensor, kSequence, kOptional };

/// Some of the bytes that it takes in memory while it is read, those of external data apart: messages, names and
/// numbers as protobuf keeps them and once more as ours.
/// Throws kResourceExhausted when the file holds more messages and strings than limits.max_messages, more nodes than
/// limits.max_nodes, or nests deeper than limits.max_depth allows, kCorrupt when it is cut short.
uint64_t prescan(ByteSpan bytes, const ModelLimits& limits, FileKind kind = FileKind::kModel);

}  // namespace dunlin::onnx
