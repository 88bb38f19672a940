#include "graph/onnx/prescan.h"

#include "base/error.h"

namespace dunlin::onnx {

namespace {

// Only the messages that a file may hold in large numbers or nest.
enum class Kind : uint8_t {
  kLeaf,
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kSparseTensor,
  kSequence,
  kOptional,
  kValueInfo,
  kType,
  kFunction
};

/// What a length-delimited field holds; kLeaf for strings, packed numbers and messages that hold nothing in numbers.
Kind child(Kind parent, uint32_t field) {
  switch (parent) {
    case Kind::kModel:
      return field == 7 ? Kind::kGraph : field == 25 ? Kind::kFunction : Kind::kLeaf;
    case Kind::kGraph:
      if (field == 1) return Kind::kNode;
      if (field == 5) return Kind::kTensor;
      if (field == 15) return Kind::kSparseTensor;
      return field >= 11 && field <= 13 ? Kind::kValueInfo : Kind::kLeaf;
    case Kind::kNode:
      return field == 5 ? Kind::kAttribute : Kind::kLeaf;
    case Kind::kAttribute:
      return field == 5 || field == 10   ? Kind::kTensor
             : field == 6 || field == 11 ? Kind::kGraph
             : field == 14               ? Kind::kType
                                         : Kind::kLeaf;
    case Kind::kSparseTensor:
      return field == 1 || field == 2 ? Kind::kTensor : Kind::kLeaf;
    case Kind::kSequence:
      return field == 3 ? Kind::kTensor : Kind::kLeaf;
    case Kind::kOptional:
      return field == 3 ? Kind::kTensor : field == 5 ? Kind::kSequence : Kind::kLeaf;
    case Kind::kValueInfo:
      return field == 2 ? Kind::kType : Kind::kLeaf;
    case Kind::kFunction:
      return field == 7 ? Kind::kNode : field == 11 ? Kind::kAttribute : Kind::kLeaf;
    case Kind::kType:
      // TypeProto, its alternatives and their shapes: every length-delimited field may be a message; walking
      // a dimension's name as one would misread it, so only their number is bounded, by their bytes.
    case Kind::kTensor:
    case Kind::kLeaf:
      break;
  }
  return Kind::kLeaf;
}

/// How much memory a byte of such a field takes: bytes that are handed on as they are, numbers that are copied, packed
/// numbers of a byte each that take eight, twice.
uint64_t growth(Kind parent, uint32_t field) {
  if (parent == Kind::kTensor) {
    if (field == 9) return 1;                                // raw_data
    if (field == 1 || field == 7 || field == 11) return 16;  // dims, int64_data, uint64_data
    return field == 5 ? 8 : 2;                               // int32_data
  }
  if (parent == Kind::kSparseTensor && field == 3) return 16;  // dims
  return parent == Kind::kAttribute && field == 8 ? 16 : 2;    // ints
}

class Scan {
 public:
  explicit Scan(const ModelLimits& limits) : limits_(limits) {}
  uint64_t bytes() const { return bytes_; }

  void message(ByteSpan bytes, Kind kind, int depth) {
    if (depth > limits_.max_depth)
      fail(ErrorCode::kResourceExhausted, "graphs are nested deeper than {}", limits_.max_depth);
    const std::byte *p = bytes.data(), *end = p + bytes.size();
    while (p != end) {
      const uint64_t tag = varint(p, end);
      const uint32_t field = static_cast<uint32_t>(tag >> 3);
      switch (tag & 7) {
        case 0:
          varint(p, end);
          bytes_ += kNumberBytes;
          break;
        case 1:
          skip(p, end, 8);
          bytes_ += kNumberBytes;
          break;
        case 5:
          skip(p, end, 4);
          bytes_ += kNumberBytes;
          break;
        case 2: {
          const uint64_t size = varint(p, end);
          const std::byte* start = p;
          skip(p, end, size);
          const Kind inner = child(kind, field);
          // The dimensions of a type: at least two bytes each.
          count(inner == Kind::kType ? 1 + size / 2 : 1);
          if (inner == Kind::kNode && ++nodes_ > limits_.max_nodes)
            fail(ErrorCode::kResourceExhausted, "more than {} nodes", limits_.max_nodes);
          if (inner == Kind::kLeaf)
            bytes_ += growth(kind, field) * size;
          else if (inner != Kind::kType)
            message({start, static_cast<size_t>(size)}, inner, depth + (inner == Kind::kGraph ? 1 : 0));
          break;
        }
        default:
          fail(ErrorCode::kCorrupt, "not an ONNX model");
      }
    }
  }

 private:
  void count(uint64_t messages) {
    count_ += messages;
    bytes_ += messages * kMessageBytes;
    if (count_ > limits_.max_messages)
      fail(ErrorCode::kResourceExhausted, "more than {} nodes, attributes, names and tensors",
           limits_.max_messages);
  }
  static uint64_t varint(const std::byte*& p, const std::byte* end) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (p == end) fail(ErrorCode::kCorrupt, "not an ONNX model, or one cut short");
      const auto b = static_cast<uint64_t>(*p++);
      value |= (b & 0x7f) << shift;
      if (b < 0x80) return value;
    }
    fail(ErrorCode::kCorrupt, "not an ONNX model");
  }
  static void skip(const std::byte*& p, const std::byte* end, uint64_t bytes) {
    if (bytes > static_cast<uint64_t>(end - p))
      fail(ErrorCode::kCorrupt, "not an ONNX model, or one cut short");
    p += bytes;
  }

  static constexpr uint64_t kMessageBytes = 200, kNumberBytes = 16;
  const ModelLimits& limits_;
  uint64_t count_ = 0, nodes_ = 0, bytes_ = 0;
};

}  // namespace

uint64_t prescan(ByteSpan bytes, const ModelLimits& limits, FileKind kind) {
  constexpr Kind kKinds[] = {Kind::kModel, Kind::kTensor, Kind::kSequence, Kind::kOptional};
  Scan scan(limits);
  scan.message(bytes, kKinds[static_cast<size_t>(kind)], -1);
  return scan.bytes();
}

}  // namespace dunlin::onnx
