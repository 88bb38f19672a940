#include "graph/architectures/builder.h"

namespace dunlin::architectures {

/// 784-256-128-10 for 28x28 inputs: two hidden layers with ReLU.
extern constexpr Architecture kMlp{
    .name = "mlp",
    .source = "multi-layer perceptron",
    .input = "1x28x28",
    .build = [](const ArchitectureOptions& o) {
      Builder b("mlp", o);
      ValueId x = b.relu(b.linear("fc1", b.flatten(b.input()), o.channels * o.height * o.width, 256));
      x = b.relu(b.linear("fc2", x, 256, 128));
      return std::move(b).finish(b.linear("fc3", x, 128, o.classes));
    }};

}  // namespace dunlin::architectures
