#include "graph/onnx/graph_writer.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"

namespace dunlin::onnx {

namespace {

void write_tensor_type(const Graph& g, const Type& type, TypeProto::Tensor& proto) {
  if (type.format->onnx_type == 0)
    fail(ErrorCode::kUnsupported, "format {} has no ONNX element type", type.format->name);
  proto.set_elem_type(type.format->onnx_type);
  if (!type.shape) return;
  proto.mutable_shape();
  for (int64_t d : *type.shape) {
    auto& dim = *proto.mutable_shape()->add_dim();
    if (d >= 0) dim.set_dim_value(d);
    if (d < kUnknownDim) dim.set_dim_param(g.symbols.at(static_cast<size_t>(-2 - d)));
  }
}

void write_type(const Graph& g, const Type& type, TypeProto& proto) {
  TypeProto* t = type.optional ? proto.mutable_optional_type()->mutable_elem_type() : &proto;
  if (type.kind == Type::Kind::kSequence) t = t->mutable_sequence_type()->mutable_elem_type();
  TypeProto::Tensor& tensor = *t->mutable_tensor_type();
  if (type.format) write_tensor_type(g, type, tensor);
}

void write_value(const Graph& g, ValueId v, ValueInfoProto& proto) {
  proto.set_name(g.value_name(v));
  const Type& type = g.type(v);
  if (!type.format) return;  // the type is left out while it is unknown
  write_type(g, type, *proto.mutable_type());
}

struct AttributeWriter {
  AttributeProto& a;
  const Places& places;
  const Graph& graph;
  const Node* node;  // null for a function's default

  void operator()(int64_t v) const { a.set_type(AttributeProto::INT), a.set_i(v); }
  void operator()(float v) const { a.set_type(AttributeProto::FLOAT), a.set_f(v); }
  void operator()(const std::string& v) const { a.set_type(AttributeProto::STRING), a.set_s(v); }
  void operator()(const TensorPtr& v) const {
    a.set_type(AttributeProto::TENSOR);
    write_tensor(*v, "", nullptr, *a.mutable_t());
  }
  void operator()(const GraphPtr& v) const {
    a.set_type(AttributeProto::GRAPH);
    Graph named = *v;
    if (node != nullptr)
      for (const Body& body : bodies_of(*node))
        for (size_t i = 0; body.graph == v.get() && i < v->captured.size(); ++i)
          if (const ValueId outer = node->inputs[body.first_capture + i]; outer != kNoValue)
            named.values[static_cast<size_t>(v->captured[i])].name = graph.value_name(outer);
    write_graph(named, places, *a.mutable_g());
  }
  void operator()(const std::vector<int64_t>& v) const {
    a.set_type(AttributeProto::INTS);
    for (int64_t x : v) a.add_ints(x);
  }
  void operator()(const std::vector<float>& v) const {
    a.set_type(AttributeProto::FLOATS);
    for (float x : v) a.add_floats(x);
  }
  void operator()(const std::vector<std::string>& v) const {
    a.set_type(AttributeProto::STRINGS);
    for (const std::string& x : v) a.add_strings(x);
  }
  void operator()(const Type& v) const {
    a.set_type(AttributeProto::TYPE_PROTO);
    write_type(graph, v, *a.mutable_tp());
  }
  void operator()(const AttributeRef& v) const {
    a.set_type(static_cast<AttributeProto::AttributeType>(v.onnx_type));
    a.set_ref_attr_name(v.name);
  }
};

void write_attribute(const std::string& name, const Attribute& value, const Places& places,
                     const Graph& graph, const Node* node, AttributeProto& proto) {
  proto.set_name(name);
  std::visit(AttributeWriter{proto, places, graph, node}, value);
}

void write_node(const Graph& g, const Node& node, const Places& places, NodeProto& proto) {
  if (node.domain == kDunlinDomain)
    fail(ErrorCode::kUnsupported, "{}: an internal op, which no other tool could read", describe(g, node));
  if (const auto it = g.opsets.find(node.domain);
      node.opset != 0 && (it == g.opsets.end() || it->second != node.opset))
    fail(ErrorCode::kUnsupported, "{}: written in opset {}, its graph in {}", describe(g, node), node.opset,
         it == g.opsets.end() ? 0 : it->second);
  proto.set_op_type(node.op);
  if (!node.domain.empty()) proto.set_domain(node.domain);
  if (!node.name.empty()) proto.set_name(node.name);
  if (!node.doc_string.empty()) proto.set_doc_string(node.doc_string);
  for (size_t i = 0; i < num_own_inputs(node); ++i)
    proto.add_input(node.inputs[i] == kNoValue ? "" : g.value_name(node.inputs[i]));
  for (ValueId v : node.outputs) proto.add_output(v == kNoValue ? "" : g.value_name(v));
  for (const auto& [name, value] : node.attributes)
    write_attribute(name, value, places, g, &node, *proto.add_attribute());
}

/// Names are how an ONNX file joins its nodes: two values of one name would be one.
void check_names(const Graph& g) {
  std::unordered_set<std::string_view> names;
  const auto check = [&](ValueId v) {
    if (v == kNoValue) return;
    if (g.value_name(v).empty() || !names.insert(g.value_name(v)).second)
      fail(ErrorCode::kInvalidArgument, "two values of the graph \"{}\" are named \"{}\"", g.name,
           g.value_name(v));
  };
  for (ValueId v : g.inputs) check(v);
  for (const auto& [v, tensor] : g.initializers) check(v);
  for (const Node& node : g.nodes)
    for (ValueId v : node.outputs) check(v);
}

}  // namespace

void write_graph(const Graph& g, const Places& places, GraphProto& proto) {
  check_names(g);
  proto.set_name(g.name.empty() ? "graph" : g.name);  // the standard demands a name
  if (!g.doc_string.empty()) proto.set_doc_string(g.doc_string);
  for (const Node& node : g.nodes) write_node(g, node, places, *proto.add_node());
  std::vector<ValueId> initializers;
  for (const auto& [v, tensor] : g.initializers) initializers.push_back(v);
  std::sort(initializers.begin(), initializers.end());
  for (ValueId v : initializers) {
    const Tensor& tensor = *g.initializers.at(v);
    const auto place = places.find(&tensor);
    write_tensor(tensor, g.value_name(v), place == places.end() ? nullptr : &place->second,
                 *proto.add_initializer());
  }
  for (ValueId v : g.inputs) write_value(g, v, *proto.add_input());
  for (ValueId v : g.outputs) write_value(g, v, *proto.add_output());
  for (const Node& node : g.nodes)
    for (ValueId v : node.outputs)
      if (v != kNoValue && g.type(v).format &&
          std::find(g.outputs.begin(), g.outputs.end(), v) == g.outputs.end())
        write_value(g, v, *proto.add_value_info());
}

void write_function(const Function& f, FunctionProto& proto) {
  const Graph& g = f.body;
  check_names(g);
  proto.set_name(f.name);
  proto.set_domain(f.domain);
  if (!g.doc_string.empty()) proto.set_doc_string(g.doc_string);
  for (ValueId v : g.inputs) proto.add_input(g.value_name(v));
  for (ValueId v : g.outputs) proto.add_output(g.value_name(v));
  for (const std::string& name : f.attributes) proto.add_attribute(name);
  for (const auto& [name, value] : f.defaults)
    write_attribute(name, value, {}, g, nullptr, *proto.add_attribute_proto());
  for (const Node& node : g.nodes) write_node(g, node, {}, *proto.add_node());
  write_opsets(g, *proto.mutable_opset_import());
}

void write_opsets(const Graph& g, google::protobuf::RepeatedPtrField<OperatorSetIdProto>& out) {
  for (const auto& [domain, version] : g.opsets) {
    if (domain == kDunlinDomain) continue;
    OperatorSetIdProto& import = *out.Add();
    import.set_domain(domain);
    import.set_version(version);
  }
}

}  // namespace dunlin::onnx
