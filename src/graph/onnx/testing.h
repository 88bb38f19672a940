// Small ONNX protos to bend in tests.
#pragma once

#include <initializer_list>
#include <string>

#include "graph/onnx/onnx.pb.h"

namespace dunlin::onnx {

inline NodeProto& add_node(google::protobuf::RepeatedPtrField<NodeProto>& nodes, const std::string& op,
                           std::initializer_list<const char*> inputs,
                           std::initializer_list<const char*> outputs) {
  NodeProto& node = *nodes.Add();
  node.set_op_type(op);
  for (const char* name : inputs) node.add_input(name);
  for (const char* name : outputs) node.add_output(name);
  return node;
}

inline void add_value(google::protobuf::RepeatedPtrField<ValueInfoProto>& values, const std::string& name,
                      std::initializer_list<int64_t> dims, int elem_type = 1) {
  ValueInfoProto& value = *values.Add();
  value.set_name(name);
  TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(elem_type);
  type.mutable_shape();
  for (int64_t d : dims) type.mutable_shape()->add_dim()->set_dim_value(d);
}

template <typename T>
void add_tensor(GraphProto& g, const std::string& name, int elem_type, std::initializer_list<int64_t> dims,
                std::initializer_list<T> values) {
  TensorProto& t = *g.add_initializer();
  t.set_name(name);
  t.set_data_type(elem_type);
  for (int64_t d : dims) t.add_dims(d);
  t.set_raw_data(std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)));
}

inline GraphProto& add_graph(NodeProto& node, const std::string& attribute) {
  AttributeProto& a = *node.add_attribute();
  a.set_name(attribute);
  a.set_type(AttributeProto::GRAPH);
  a.mutable_g()->set_name(attribute);
  return *a.mutable_g();
}

inline void add_int(NodeProto& node, const std::string& attribute, int64_t value) {
  AttributeProto& a = *node.add_attribute();
  a.set_name(attribute);
  a.set_type(AttributeProto::INT);
  a.set_i(value);
}

inline void add_ints(NodeProto& node, const std::string& attribute, std::initializer_list<int64_t> values) {
  AttributeProto& a = *node.add_attribute();
  a.set_name(attribute);
  a.set_type(AttributeProto::INTS);
  for (int64_t v : values) a.add_ints(v);
}

/// Graph "g" without nodes.
inline ModelProto empty_proto(int opset = 17) {
  ModelProto m;
  m.set_ir_version(8);
  m.add_opset_import()->set_version(opset);
  m.mutable_graph()->set_name("g");
  return m;
}

/// y = Relu(x + w), x and w f32[2]
inline ModelProto small_proto() {
  ModelProto m = empty_proto();
  GraphProto& g = *m.mutable_graph();
  add_value(*g.mutable_input(), "x", {2});
  add_value(*g.mutable_output(), "y", {2});
  TensorProto& w = *g.add_initializer();
  w.set_name("w");
  w.set_data_type(1);
  w.add_dims(2);
  w.set_raw_data(std::string("\0\0\x80\x3f\0\0\0\xc0", 8));  // 1, -2
  add_node(*g.mutable_node(), "Add", {"x", "w"}, {"t"}).set_name("sum");
  add_node(*g.mutable_node(), "Relu", {"t"}, {"y"});
  return m;
}

}  // namespace dunlin::onnx
