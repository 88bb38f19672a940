// GraphProto and FunctionProto -> Graph: names become values, nodes are put in topological order.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "graph/ir.h"
#include "graph/onnx/import.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/onnx/tensors.h"

namespace dunlin::onnx {

/// What one model's graphs share.
struct ReadContext {
  TensorReader& tensors;
  const ModelLimits& limits;
  int64_t ir_version;
  std::map<std::string, int, std::less<>> opsets;
};

class GraphReader {
 public:
  /// `outer` reads the enclosing graph and outlives this reader.
  explicit GraphReader(ReadContext& context, GraphReader* outer = nullptr, int depth = 0)
      : context_(context), outer_(outer), depth_(depth) {}

  Graph read(GraphProto& proto);
  /// The body of a function, with its own opsets.
  Graph read_body(FunctionProto& proto, std::map<std::string, int, std::less<>> opsets);

  Attribute read_attribute(AttributeProto& proto, const std::string& where);

 private:
  void add_inputs(const GraphProto& proto);
  void add_initializers(GraphProto& proto);
  ValueId define(const std::string& name, const std::string& what);
  void define_outputs(const google::protobuf::RepeatedPtrField<NodeProto>& nodes);
  void read_nodes(google::protobuf::RepeatedPtrField<NodeProto>& nodes);
  Node read_node(NodeProto& proto);
  /// The value of that name here or, captured, in an enclosing graph; kNoValue when there is none.
  ValueId resolve(const std::string& name);
  Type read_type(const TypeProto& proto, const std::string& what);
  Shape read_shape(const TensorShapeProto& proto, const std::string& what);
  int64_t symbol(const std::string& name);
  std::string checked_name(const std::string& name, const char* what) const;

  ReadContext& context_;
  GraphReader* outer_;
  int depth_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> by_name_;
  std::unordered_map<std::string, int64_t> symbols_;
};

/// Nodes in topological order: the given order where it is one already. Throws kCorrupt naming a cycle.
void sort_nodes(Graph& graph);

}  // namespace dunlin::onnx
