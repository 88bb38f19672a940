// Changes of an ONNX model that leave it a model: they reach the ops' inference, which bytes changed at random hardly
// ever do.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "graph/onnx/onnx.pb.h"

namespace dunlin::fuzz {

class ModelMutator {
 public:
  explicit ModelMutator(unsigned seed) : random_(seed) {}
  /// One random change.
  void change(onnx::ModelProto& model);
  /// Puts nodes and tensors of another model beside its own.
  void cross(onnx::ModelProto& model, const onnx::ModelProto& other);

 private:
  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }
  bool one_in(size_t n) { return below(n) == 0; }
  int64_t number();
  float real();
  /// The model's graph, or one inside a node.
  onnx::GraphProto& any_graph(onnx::ModelProto& model);
  /// A name of any value of the graph or, in a subgraph, of the model's; rarely empty or new.
  std::string any_value(const onnx::ModelProto& model, const onnx::GraphProto& graph);

  void change_node(const onnx::ModelProto& model, const onnx::GraphProto& graph, onnx::NodeProto& node);
  void change_attribute(onnx::AttributeProto& attribute);
  void change_type(onnx::TypeProto& type);
  void change_tensor(onnx::TensorProto& tensor);
  void fill(onnx::TensorProto& tensor, int elem_type, const std::vector<int64_t>& dims);
  void add_constant(onnx::GraphProto& graph, onnx::NodeProto& node);
  void become_constant(onnx::GraphProto& graph);
  void add_sample(const onnx::ModelProto& model, onnx::GraphProto& graph);
  void change_nodes(const onnx::ModelProto& model, onnx::GraphProto& graph);
  void change_function(onnx::ModelProto& model);

  std::minstd_rand random_;
};

}  // namespace dunlin::fuzz
