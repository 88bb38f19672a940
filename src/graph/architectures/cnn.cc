#include "graph/architectures/builder.h"

namespace dunlin::architectures {

/// Two convolutions and two fully connected layers: small enough for a gateway, 91 % and more on
/// Fashion-MNIST.
extern constexpr Architecture kCnn{
    .name = "cnn",
    .source = "after McMahan et al., AISTATS 2017, section 3",
    .input = "1x28x28",
    .build = [](const ArchitectureOptions& o) {
      Builder b("cnn", o);
      ValueId x = b.relu(b.conv("conv1", b.input(), o.channels, 16, {.kernel = 3, .pad = 1}));
      x = b.max_pool(x, 2, 2);
      x = b.relu(b.conv("conv2", x, 16, 32, {.kernel = 3, .pad = 1}));
      x = b.flatten(b.max_pool(x, 2, 2));
      const int64_t h = pooled(pooled(o.height, 2, 2), 2, 2), w = pooled(pooled(o.width, 2, 2), 2, 2);
      x = b.relu(b.linear("fc1", x, 32 * h * w, 128));
      return std::move(b).finish(b.linear("fc2", x, 128, o.classes));
    }};

}  // namespace dunlin::architectures
