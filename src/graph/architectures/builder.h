// Builds ONNX graphs layer by layer, with initialised weights.
#pragma once

#include "base/random.h"
#include "graph/architectures/architecture.h"

namespace dunlin::architectures {

class Builder {
 public:
  /// Input "input" [N, channels, height, width], N symbolic.
  Builder(std::string name, const ArchitectureOptions& options);

  ValueId input() const { return input_; }
  struct ConvOptions {
    int64_t kernel = 3, stride = 1, pad = 0, groups = 1;
    bool bias = true;
  };
  /// Kaiming normal for ReLU over the fan-out (He et al., 2015), bias 0.
  ValueId conv(const std::string& name, ValueId x, int64_t in, int64_t out, const ConvOptions& o);
  ValueId batch_norm(const std::string& name, ValueId x, int64_t channels);
  ValueId relu(ValueId x);
  ValueId relu6(ValueId x);
  ValueId add(ValueId a, ValueId b);
  ValueId max_pool(ValueId x, int64_t kernel, int64_t stride, int64_t pad = 0);
  ValueId global_average_pool(ValueId x);
  ValueId flatten(ValueId x);
  /// Gemm with weight [out, in], uniform in +-1/sqrt(in) as PyTorch's Linear.
  ValueId linear(const std::string& name, ValueId x, int64_t in, int64_t out);
  /// The model with `logits` [N, classes] as its one output.
  Model finish(ValueId logits) &&;

 private:
  ValueId emit(const char* op, std::vector<ValueId> inputs, Attributes attributes = {});
  ValueId weight(const std::string& name, Shape shape, double spread, bool normal);
  ValueId constant(const std::string& name, int64_t n, float value);

  Model model_;
  ValueId input_;
  Philox rng_;
  int64_t num_weights_ = 0;  // elements so far
};

/// (size + 2 pad - kernel) / stride + 1; throws kInvalidArgument when the input is too small.
int64_t pooled(int64_t size, int64_t kernel, int64_t stride, int64_t pad = 0);

}  // namespace dunlin::architectures
