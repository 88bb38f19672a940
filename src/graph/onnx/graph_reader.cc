#include "graph/onnx/graph_reader.h"

#include "base/utf8.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/op.h"

namespace dunlin::onnx {

namespace {

/// `Conv "layer1.0.conv1"`, before there is a Graph to describe it.
std::string describe(const NodeProto& node) {
  std::string name = node.name();
  for (const std::string& output : node.output())
    if (name.empty()) name = output;
  return fmt::format("{} \"{}\"", node.op_type(), name);
}

std::string canonical_domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

/// The type an attribute must have from the one field that is set: files of IR version 1 do not state it.
AttributeProto::AttributeType type_of(const AttributeProto& a) {
  if (a.type() != AttributeProto::UNDEFINED) return a.type();
  if (a.has_f()) return AttributeProto::FLOAT;
  if (a.has_i()) return AttributeProto::INT;
  if (a.has_s()) return AttributeProto::STRING;
  if (a.has_t()) return AttributeProto::TENSOR;
  if (a.has_g()) return AttributeProto::GRAPH;
  if (a.floats_size() > 0) return AttributeProto::FLOATS;
  if (a.ints_size() > 0) return AttributeProto::INTS;
  if (a.strings_size() > 0) return AttributeProto::STRINGS;
  if (a.has_tp()) return AttributeProto::TYPE_PROTO;
  return AttributeProto::UNDEFINED;
}

}  // namespace

std::string GraphReader::checked_name(const std::string& name, const char* what) const {
  if (name.size() > context_.limits.max_name_bytes)
    fail(ErrorCode::kResourceExhausted, "{} of {} bytes, more than the limit of {}", what, name.size(),
         context_.limits.max_name_bytes);
  // JSON and the training state's header hold names, and are UTF-8, as ONNX says names are.
  if (!is_utf8(name)) fail(ErrorCode::kCorrupt, "{} \"{}\" is not UTF-8", what, name);
  return name;
}

ValueId GraphReader::define(const std::string& name, const std::string& what) {
  if (name.empty()) fail(ErrorCode::kCorrupt, "{} without a name", what);
  for (GraphReader* r = this; r != nullptr; r = r->outer_)
    if (r->by_name_.contains(name))
      fail(ErrorCode::kCorrupt, "{}: the name \"{}\" is already taken by another value", what, name);
  const ValueId v = graph_.add_value(checked_name(name, "a value name"));
  by_name_.emplace(name, v);
  return v;
}

ValueId GraphReader::resolve(const std::string& name) {
  if (const auto it = by_name_.find(name); it != by_name_.end()) return it->second;
  const ValueId outer = outer_ == nullptr ? kNoValue : outer_->resolve(name);
  if (outer == kNoValue) return kNoValue;
  Type type = outer_->graph_.type(outer);
  if (type.shape)
    for (int i = 0; i < type.shape->rank(); ++i)
      if (int64_t& d = (*type.shape)[i]; d < kUnknownDim)
        d = symbol(outer_->graph_.symbols[static_cast<size_t>(-2 - d)]);
  const ValueId v = graph_.add_value(name, std::move(type));
  by_name_.emplace(name, v);
  graph_.captured.push_back(v);
  return v;
}

int64_t GraphReader::symbol(const std::string& name) {
  const auto [it, added] = symbols_.emplace(name, -2 - static_cast<int64_t>(graph_.symbols.size()));
  if (added) graph_.symbols.push_back(checked_name(name, "a dimension's name"));
  return it->second;
}

Shape GraphReader::read_shape(const TensorShapeProto& proto, const std::string& what) {
  if (proto.dim_size() > context_.limits.max_rank)
    fail(ErrorCode::kResourceExhausted, "{}: has {} dimensions, more than the limit of {}", what,
         proto.dim_size(), context_.limits.max_rank);
  Shape shape;
  Shape known;
  for (const TensorShapeProto::Dimension& d : proto.dim()) {
    if (d.has_dim_value() && d.dim_value() < 0)
      fail(ErrorCode::kCorrupt, "{}: has a dimension of {}", what, d.dim_value());
    if (d.has_dim_value()) {
      shape.push_back(d.dim_value());
      known.push_back(d.dim_value());
    } else {
      shape.push_back(d.dim_param().empty() ? kUnknownDim : symbol(d.dim_param()));
    }
  }
  try {
    known.num_elements();
  } catch (const Error& e) {
    fail(e.code(), "{}: {}", what, e.what());
  }
  return shape;
}

Type GraphReader::read_type(const TypeProto& proto, const std::string& what) {
  Type type;
  switch (proto.value_case()) {
    case TypeProto::kTensorType:
      if (proto.tensor_type().elem_type() != 0)
        type.format = format_of_element_type(proto.tensor_type().elem_type(), what);
      if (proto.tensor_type().has_shape()) type.shape = read_shape(proto.tensor_type().shape(), what);
      return type;
    case TypeProto::kSequenceType:
      if (proto.sequence_type().elem_type().value_case() != TypeProto::kTensorType)
        fail(ErrorCode::kUnsupported, "{}: sequences of anything but tensors are not supported", what);
      type = read_type(proto.sequence_type().elem_type(), what);
      type.kind = Type::Kind::kSequence;
      return type;
    case TypeProto::kOptionalType: {
      const auto element = proto.optional_type().elem_type().value_case();
      if (element != TypeProto::kTensorType && element != TypeProto::kSequenceType)
        fail(ErrorCode::kUnsupported, "{}: optionals of anything but tensors and sequences are not supported",
             what);
      type = read_type(proto.optional_type().elem_type(), what);
      type.optional = true;
      return type;
    }
    case TypeProto::kMapType:
      fail(ErrorCode::kUnsupported, "{}: maps are not supported", what);
    case TypeProto::kSparseTensorType:
      fail(ErrorCode::kUnsupported, "{}: sparse tensors are not supported", what);
    case TypeProto::VALUE_NOT_SET:
      break;
  }
  return type;
}

void GraphReader::add_inputs(const GraphProto& proto) {
  // Up to IR version 3 every initialiser was listed as an input too; since then that makes it a default
  // value.
  std::unordered_set<std::string> initialised;
  for (const TensorProto& t : proto.initializer()) initialised.insert(t.name());
  std::unordered_set<std::string> seen;
  for (const ValueInfoProto& input : proto.input()) {
    if (!seen.insert(input.name()).second)
      fail(ErrorCode::kCorrupt, "input \"{}\" is listed twice", input.name());
    if (initialised.contains(input.name())) continue;
    const std::string what = fmt::format("input \"{}\"", input.name());
    const ValueId v = define(input.name(), what);
    graph_.values[static_cast<size_t>(v)].type = read_type(input.type(), what);
    graph_.inputs.push_back(v);
  }
}

void GraphReader::add_initializers(GraphProto& proto) {
  if (proto.sparse_initializer_size() > 0)
    fail(ErrorCode::kUnsupported, "sparse initializer \"{}\": sparse tensors are not supported",
         proto.sparse_initializer(0).values().name());
  for (TensorProto& t : *proto.mutable_initializer()) {
    const std::string what = fmt::format("initializer \"{}\"", t.name());
    const ValueId v = define(t.name(), what);
    TensorPtr tensor = context_.tensors.read(t, what);
    graph_.values[static_cast<size_t>(v)].type = {.format = tensor->format(), .shape = tensor->shape()};
    graph_.initializers.emplace(v, std::move(tensor));
  }
}

void GraphReader::define_outputs(const google::protobuf::RepeatedPtrField<NodeProto>& nodes) {
  for (const NodeProto& node : nodes)
    for (const std::string& output : node.output())
      if (!output.empty()) define(output, fmt::format("an output of {}", describe(node)));
}

Attribute GraphReader::read_attribute(AttributeProto& a, const std::string& where) {
  const std::string what = fmt::format("{}: attribute {}", where, a.name());
  const auto type = type_of(a);
  if (!a.ref_attr_name().empty()) return AttributeRef{a.ref_attr_name(), type};
  switch (type) {
    case AttributeProto::FLOAT:
      return a.f();
    case AttributeProto::INT:
      return a.i();
    case AttributeProto::STRING:
      return a.s();
    case AttributeProto::TENSOR:
      return context_.tensors.read(*a.mutable_t(), what);
    case AttributeProto::GRAPH:
      if (depth_ >= context_.limits.max_depth)
        fail(ErrorCode::kResourceExhausted, "{}: graphs are nested deeper than {}", what,
             context_.limits.max_depth);
      return std::make_shared<const Graph>(GraphReader(context_, this, depth_ + 1).read(*a.mutable_g()));
    case AttributeProto::FLOATS:
      return std::vector<float>(a.floats().begin(), a.floats().end());
    case AttributeProto::INTS:
      return std::vector<int64_t>(a.ints().begin(), a.ints().end());
    case AttributeProto::STRINGS:
      return std::vector<std::string>(a.strings().begin(), a.strings().end());
    case AttributeProto::TYPE_PROTO:
      return read_type(a.tp(), what);
    case AttributeProto::UNDEFINED:
      fail(ErrorCode::kCorrupt, "{}: has no type", what);
    case AttributeProto::TENSORS:
    case AttributeProto::GRAPHS:
    case AttributeProto::SPARSE_TENSOR:
    case AttributeProto::SPARSE_TENSORS:
    case AttributeProto::TYPE_PROTOS:
      break;
  }
  constexpr const char* kNames[] = {"TENSORS",        "GRAPHS",     "SPARSE_TENSOR",
                                    "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
  fail(ErrorCode::kUnsupported, "{}: attributes of type {} are not supported", what,
       kNames[type - AttributeProto::TENSORS]);
}

Node GraphReader::read_node(NodeProto& proto) {
  const std::string where = describe(proto);
  if (proto.op_type().empty()) fail(ErrorCode::kCorrupt, "node \"{}\": has no op", proto.name());
  if (!proto.overload().empty())
    fail(ErrorCode::kUnsupported, "{}: function overloads (\"{}\") are not supported", where,
         proto.overload());
  Node node;
  node.op = checked_name(proto.op_type(), "an op name");
  node.domain = checked_name(canonical_domain(proto.domain()), "a domain");
  node.name = checked_name(proto.name(), "a node name");
  if (node.domain == kDunlinDomain)
    fail(ErrorCode::kUnsupported, "{}: the domain \"{}\" is for internal use and never stands in a file",
         where, node.domain);
  node.doc_string = std::move(*proto.mutable_doc_string());
  for (const std::string& input : proto.input()) {
    node.inputs.push_back(input.empty() ? kNoValue : resolve(input));
    if (!input.empty() && node.inputs.back() == kNoValue)
      fail(ErrorCode::kCorrupt, "{}: input \"{}\" is made by no node and is neither input nor initializer",
           where, input);
  }
  for (const std::string& output : proto.output())
    node.outputs.push_back(output.empty() ? kNoValue : by_name_.at(output));
  for (AttributeProto& a : *proto.mutable_attribute()) {
    Attribute value = read_attribute(a, where);
    if (!node.attributes.emplace(checked_name(a.name(), "an attribute name"), std::move(value)).second)
      fail(ErrorCode::kCorrupt, "{}: attribute {} is given twice", where, a.name());
  }
  for (const auto& [name, value] : node.attributes)
    if (const GraphPtr* sub = std::get_if<GraphPtr>(&value))
      for (ValueId v : (*sub)->captured) node.inputs.push_back(resolve((*sub)->value_name(v)));
  return node;
}

void GraphReader::read_nodes(google::protobuf::RepeatedPtrField<NodeProto>& nodes) {
  graph_.nodes.reserve(static_cast<size_t>(nodes.size()));
  for (NodeProto& node : nodes) graph_.nodes.push_back(read_node(node));
  sort_nodes(graph_);
}

Graph GraphReader::read(GraphProto& proto) {
  graph_.name = checked_name(proto.name(), "a graph name");
  graph_.doc_string = proto.doc_string();
  graph_.opsets = context_.opsets;
  add_inputs(proto);
  add_initializers(proto);
  const auto first_output = static_cast<ValueId>(graph_.values.size());
  define_outputs(proto.node());
  for (const ValueInfoProto& info : proto.value_info()) {
    const auto it = by_name_.find(info.name());
    if (it == by_name_.end() || graph_.type(it->second).format != nullptr) continue;
    graph_.values[static_cast<size_t>(it->second)].type =
        read_type(info.type(), fmt::format("value \"{}\"", info.name()));
  }
  for (const ValueInfoProto& output : proto.output()) {
    const ValueId v = resolve(output.name());
    if (v == kNoValue) fail(ErrorCode::kCorrupt, "output \"{}\" is made by no node", output.name());
    graph_.outputs.push_back(v);
    Type& type = graph_.values[static_cast<size_t>(v)].type;
    if (v >= first_output && output.has_type())
      type = read_type(output.type(), fmt::format("output \"{}\"", output.name()));
  }
  read_nodes(*proto.mutable_node());
  return std::move(graph_);
}

Graph GraphReader::read_body(FunctionProto& proto, std::map<std::string, int, std::less<>> opsets) {
  graph_.name = proto.name();
  graph_.doc_string = proto.doc_string();
  context_.opsets = graph_.opsets = std::move(opsets);
  for (const std::string& input : proto.input())
    graph_.inputs.push_back(define(input, fmt::format("input \"{}\"", input)));
  define_outputs(proto.node());
  for (const std::string& output : proto.output()) {
    graph_.outputs.push_back(resolve(output));
    if (graph_.outputs.back() == kNoValue)
      fail(ErrorCode::kCorrupt, "output \"{}\" is made by no node", output);
  }
  read_nodes(*proto.mutable_node());
  return std::move(graph_);
}

}  // namespace dunlin::onnx
