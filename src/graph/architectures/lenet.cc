#include "graph/architectures/builder.h"

namespace dunlin::architectures {

/// LeNet-5 with ReLU and max pooling; 28x28 inputs are padded to the paper's 32x32 by the first convolution.
extern constexpr Architecture kLenet{
    .name = "lenet",
    .source = "LeCun et al., Proc. IEEE 1998",
    .input = "1x28x28",
    .build = [](const ArchitectureOptions& o) {
      Builder b("lenet", o);
      const auto after = [](int64_t n) {
        return pooled(pooled(pooled(pooled(n, 5, 1, 2), 2, 2), 5, 1), 2, 2);
      };
      const int64_t h = after(o.height), w = after(o.width);
      ValueId x =
          b.max_pool(b.relu(b.conv("conv1", b.input(), o.channels, 6, {.kernel = 5, .pad = 2})), 2, 2);
      x = b.max_pool(b.relu(b.conv("conv2", x, 6, 16, {.kernel = 5})), 2, 2);
      x = b.relu(b.linear("fc1", b.flatten(x), 16 * h * w, 120));
      x = b.relu(b.linear("fc2", x, 120, 84));
      return std::move(b).finish(b.linear("fc3", x, 84, o.classes));
    }};

}  // namespace dunlin::architectures
