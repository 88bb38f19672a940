// For tests: models small enough to follow by hand, with weights that a formula gives, so that PyTorch can be
// given the same ones.
#pragma once

#include "graph/ir.h"

namespace dunlin::testing {

/// n values amplitude * sin(0.7 i + k), computed in double.
std::vector<float> wave(int64_t n, double k, double amplitude, double offset = 0);

/// Builds nodes of opset 17.
class ModelBuilder {
 public:
  explicit ModelBuilder(Shape input);
  ValueId weight(const std::string& name, Shape shape, std::vector<float> values);
  ValueId node(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {});
  ValueId input() const { return model_.graph.inputs[0]; }
  Model finish(ValueId output);

 private:
  Model model_;
};

/// [N,1,6,6] -> Conv 3x3 (2) -> BatchNormalization -> Relu -> MaxPool 2 -> Flatten -> Gemm (3): logits.
Model small_cnn();
/// [N,2] -> Gemm -> `tail` (Softmax, Sigmoid, ..., or "" for none); `outputs` values.
Model linear(int64_t outputs, const std::string& tail = "");

}  // namespace dunlin::testing
