#include "graph/onnx/export.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "graph/exporter_parameters.h"
#include "graph/onnx/graph_writer.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

namespace fs = std::filesystem;
constexpr uint64_t kSmallestExternal = 1024;
/// Room for names and nodes beside the tensors.
constexpr uint64_t kLargestInline = uint64_t{1} << 30;
constexpr int64_t kOldestWritten = 4, kFunctions = 8, kFunctionDefaults = 9;

Bytes serialize(const Model& model, const onnx::Places& places) {
  onnx::ModelProto proto;
  int64_t ir_version = std::max(model.ir_version, kOldestWritten);
  if (!model.functions.empty()) ir_version = std::max(ir_version, kFunctions);
  for (const Function& f : model.functions)
    if (!f.defaults.empty()) ir_version = std::max(ir_version, kFunctionDefaults);
  proto.set_ir_version(ir_version);
  if (!model.producer_name.empty()) proto.set_producer_name(model.producer_name);
  if (!model.producer_version.empty()) proto.set_producer_version(model.producer_version);
  if (!model.domain.empty()) proto.set_domain(model.domain);
  if (model.model_version != 0) proto.set_model_version(model.model_version);
  if (!model.doc_string.empty()) proto.set_doc_string(model.doc_string);
  onnx::write_opsets(model.graph, *proto.mutable_opset_import());
  for (const auto& [key, value] : model.metadata) {
    onnx::StringStringEntryProto& entry =
        key == kGraphSignature ? *proto.mutable_graph()->add_metadata_props() : *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  for (const Function& f : model.functions) onnx::write_function(f, *proto.add_functions());
  onnx::write_graph(model.graph, places, *proto.mutable_graph());
  const size_t size = proto.ByteSizeLong();
  if (size > INT32_MAX)
    fail(ErrorCode::kResourceExhausted,
         "{} bytes, more than one file can hold: keep tensors as external data", size);
  Bytes bytes(size);
  proto.SerializeToArray(bytes.data(), static_cast<int>(size));
  return bytes;
}

/// Initialisers of at least `threshold` bytes, of subgraphs too, in the order of values and nodes. Strings have no
/// place in another file.
void collect(const Graph& g, uint64_t threshold, std::vector<const Tensor*>& out) {
  std::vector<std::pair<ValueId, const Tensor*>> own;
  for (const auto& [v, tensor] : g.initializers)
    if (tensor->num_bytes() >= threshold && (threshold == 0 || tensor->format() != &formats::kString))
      own.emplace_back(v, tensor.get());
  std::sort(own.begin(), own.end());
  for (const auto& [v, tensor] : own)
    if (std::find(out.begin(), out.end(), tensor) == out.end()) out.push_back(tensor);
  for (const Node& node : g.nodes)
    for (const auto& [name, a] : node.attributes)
      if (const GraphPtr* sub = std::get_if<GraphPtr>(&a)) collect(**sub, threshold, out);
}

/// Calls sink(bytes) with the second file's content, piece by piece.
template <typename Sink>
void external_bytes(const std::vector<const Tensor*>& tensors, const onnx::Places& places, const Sink& sink) {
  uint64_t at = 0;
  for (const Tensor* tensor : tensors) {
    const Bytes padding(places.at(tensor).offset - at);
    sink(ByteSpan(padding));
    const Tensor dense = tensor->is_row_major() ? tensor->view() : tensor->clone();
    const Bytes packed = tensor->format()->file_bits != 0 ? onnx::packed_codes(dense) : Bytes();
    const ByteSpan bytes =
        tensor->format()->file_bits != 0 ? packed : std::as_const(dense).plane(Plane::kPayload);
    sink(bytes);
    at = places.at(tensor).offset + bytes.size();
  }
}

/// Where each tensor will lie, in a file that has no name yet.
onnx::Places choose_places(const std::vector<const Tensor*>& tensors, uint64_t alignment) {
  onnx::Places places;
  uint64_t end = 0;
  for (const Tensor* tensor : tensors) {
    if (!is_plain(tensor->format()))
      fail(ErrorCode::kUnsupported, "format {} has no ONNX element type", tensor->format()->name);
    const uint64_t offset = (end + alignment - 1) / alignment * alignment;
    places[tensor] = {"", offset};
    end = offset + onnx::bytes_in_file(tensor->format(), static_cast<uint64_t>(tensor->num_elements()));
  }
  return places;
}

/// Writes the second file beside `path` and names it in the places.
void write_external(const std::vector<const Tensor*>& tensors, const std::string& path, FileSystem& files,
                    onnx::Places& places) {
  Sha256Stream hash;
  external_bytes(tensors, places, [&](ByteSpan bytes) { hash.update(bytes); });
  constexpr size_t kHashBytes = 8;
  const std::string name = fmt::format("{}-{}.data", fs::path(path).stem().string(),
                                       to_hex(ByteSpan(hash.finish()).first(kHashBytes)));
  const std::string folder = fs::path(path).parent_path().string();
  const std::string temporary = join_path(folder, name + ".part");
  files.remove(temporary);
  // In pieces, since every append is made durable.
  constexpr size_t kPiece = size_t{64} << 20;
  Bytes piece;
  const auto flush = [&] {
    files.append(temporary, piece);
    piece.clear();
  };
  external_bytes(tensors, places, [&](ByteSpan bytes) {
    while (!bytes.empty()) {
      const size_t n = std::min(bytes.size(), kPiece - piece.size());
      piece.insert(piece.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      bytes = bytes.subspan(n);
      if (piece.size() == kPiece) flush();
    }
  });
  flush();
  files.rename(temporary, join_path(folder, name));
  for (auto& [tensor, place] : places) place.location = name;
}

}  // namespace

Bytes serialize_onnx(const Model& model) { return serialize(model, {}); }

void save_onnx(const Model& model, const std::string& path, const ExportOptions& options, FileSystem& files) {
  try {
    std::vector<const Tensor*> all;
    collect(model.graph, 0, all);
    uint64_t total = 0;
    for (const Tensor* tensor : all) total += tensor->num_bytes();
    uint64_t threshold = options.external_threshold_bytes;
    if (total > kLargestInline) threshold = std::min(threshold, kSmallestExternal);
    std::vector<const Tensor*> external;
    collect(model.graph, std::max<uint64_t>(threshold, 1), external);
    onnx::Places places = choose_places(external, std::max<uint64_t>(options.alignment_bytes, 1));
    Bytes bytes = serialize(model, places);  // refuses what cannot be exported before anything is written
    if (!external.empty()) {
      write_external(external, path, files, places);
      bytes = serialize(model, places);
    }
    files.write_atomic(path, bytes);
  } catch (const Error& e) {
    if (std::string_view(e.what()).starts_with(path)) throw;
    fail(e.code(), "{}: {}", path, e.what());
  }
}

}  // namespace dunlin
