#include "graph/onnx/import.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <climits>
#include <filesystem>

#include "base/error.h"
#include "graph/exporter_parameters.h"
#include "graph/graph_bytes.h"
#include "graph/onnx/graph_reader.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/onnx/prescan.h"
#include "graph/support.h"

namespace dunlin {

namespace {

using Opsets = std::map<std::string, int, std::less<>>;

void check_limits(const ModelLimits& limits) {
  const auto check = [](std::string_view name, int value, int most) {
    if (value < 0 || value > most)
      fail(ErrorCode::kInvalidArgument, "ModelLimits::{} is {}, 0 to {} is expected", name, value, most);
  };
  constexpr int kDeepest = 64;  // readers and passes call themselves for each
  check("max_depth", limits.max_depth, kDeepest);
  check("max_call_depth", limits.max_call_depth, kDeepest);
  check("max_rank", limits.max_rank, INT_MAX);
}

/// `bytes_in_memory`: what reading takes.
onnx::ModelProto parse(ByteSpan bytes, const ModelLimits& limits, uint64_t& bytes_in_memory) {
  check_limits(limits);
  if (bytes.size() > limits.max_file_bytes || bytes.size() > INT32_MAX)
    fail(ErrorCode::kResourceExhausted,
         "{} bytes, more than the limit of {}; larger models keep tensors as external data", bytes.size(),
         std::min<uint64_t>(limits.max_file_bytes, INT32_MAX));
  bytes_in_memory = onnx::prescan(bytes, limits);
  check_model_bytes(bytes_in_memory, limits.max_model_bytes);
  onnx::ModelProto proto;
  const int size = static_cast<int>(bytes.size());
  google::protobuf::io::ArrayInputStream stream(bytes.data(), size);
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT32_MAX);
  // A subgraph is three messages deep: node, attribute, graph.
  coded.SetRecursionLimit(3 * limits.max_depth + 16);
  if (!proto.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    fail(ErrorCode::kCorrupt, "not an ONNX model, or one cut short");
  if (!proto.has_ir_version() || !proto.has_graph())
    fail(ErrorCode::kCorrupt, "not an ONNX model: it has no {}", proto.has_graph() ? "ir_version" : "graph");
  return proto;
}

Opsets read_opsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports) {
  Opsets opsets;
  for (const onnx::OperatorSetIdProto& import : imports) {
    const std::string domain = import.domain() == "ai.onnx" ? "" : import.domain();
    const int64_t version = import.version();
    if (const int newest = newest_opset(domain); newest > 0 && (version < 1 || version > newest))
      fail(ErrorCode::kUnsupported, "opset {} of {}: opsets 1 to {} are supported", version,
           domain.empty() ? "ai.onnx" : domain, newest);
    if (version < 1 || version > INT32_MAX)
      fail(ErrorCode::kCorrupt, "version {} of the domain \"{}\"", version, domain);
    if (!opsets.emplace(domain, static_cast<int>(version)).second && opsets[domain] != version)
      fail(ErrorCode::kCorrupt, "the domain \"{}\" is imported in versions {} and {}", domain, opsets[domain],
           version);
  }
  return opsets;
}

Function read_function(onnx::FunctionProto& proto, onnx::ReadContext context) {
  Function f{.domain = proto.domain() == "ai.onnx" ? "" : proto.domain(),
             .name = proto.name(),
             .attributes = {},
             .defaults = {},
             .body = {}};
  try {
    if (!proto.overload().empty())
      fail(ErrorCode::kUnsupported, "overloads (\"{}\") are not supported", proto.overload());
    if (f.domain == kDunlinDomain)
      fail(ErrorCode::kUnsupported, "the domain \"{}\" is for internal use", f.domain);
    f.attributes.assign(proto.attribute().begin(), proto.attribute().end());
    onnx::GraphReader reader(context);
    for (onnx::AttributeProto& a : *proto.mutable_attribute_proto())
      f.defaults.emplace(a.name(), reader.read_attribute(a, "default"));
    f.body = reader.read_body(proto, read_opsets(proto.opset_import()));
  } catch (const Error& e) {
    fail(e.code(), "function {}.{}: {}", f.domain, f.name, e.what());
  }
  return f;
}

Model read_model(onnx::ModelProto& proto, const ImportOptions& options, uint64_t bytes_in_memory) {
  if (proto.ir_version() < 1 || proto.ir_version() > kNewestIrVersion)
    fail(ErrorCode::kUnsupported, "IR version {}: versions 1 to {} are supported", proto.ir_version(),
         kNewestIrVersion);
  Model model;
  model.ir_version = proto.ir_version();
  model.producer_name = proto.producer_name();
  model.producer_version = proto.producer_version();
  model.domain = proto.domain();
  model.model_version = proto.model_version();
  model.doc_string = proto.doc_string();
  for (const auto& entry : proto.metadata_props()) model.metadata[entry.key()] = entry.value();
  for (const auto& entry : proto.graph().metadata_props())
    if (entry.key() == kGraphSignature) model.metadata[entry.key()] = entry.value();
  onnx::TensorReader tensors(onnx::ExternalFiles(options.folder),
                             {options.limits.max_rank, options.limits.max_tensor_bytes,
                              options.limits.max_model_bytes, bytes_in_memory});
  onnx::ReadContext context{tensors, options.limits, proto.ir_version(), read_opsets(proto.opset_import())};
  // Up to IR version 2 a file does not say which opset it is written in: it is the first.
  if (proto.ir_version() < 3 && context.opsets.empty()) context.opsets[""] = 1;
  if (context.opsets.empty()) fail(ErrorCode::kCorrupt, "imports no opset");
  std::set<std::pair<std::string, std::string>> names;
  for (onnx::FunctionProto& f : *proto.mutable_functions()) {
    model.functions.push_back(read_function(f, context));
    if (!names.emplace(model.functions.back().domain, model.functions.back().name).second)
      fail(ErrorCode::kCorrupt, "function {}.{} is defined twice", f.domain(), f.name());
  }
  model.graph = onnx::GraphReader(context).read(*proto.mutable_graph());
  if (options.external_bytes) *options.external_bytes = tensors.external_bytes();
  return model;
}

}  // namespace

Model parse_onnx(ByteSpan bytes, const ImportOptions& options) {
  try {
    uint64_t bytes_in_memory = 0;
    onnx::ModelProto proto = parse(bytes, options.limits, bytes_in_memory);
    return read_model(proto, options, bytes_in_memory);
  } catch (const Error& e) {
    fail(e.code(), "{}: {}", options.origin, e.what());
  }
}

Model load_onnx(const std::string& path, const ModelLimits& limits,
                std::map<std::string, uint64_t>* external_bytes) {
  const MappedFile file(path);
  return parse_onnx(file.bytes(),
                    {path, std::filesystem::path(path).parent_path().string(), limits, external_bytes});
}

}  // namespace dunlin
