#include "graph/architectures/builder.h"

namespace dunlin::architectures {

namespace {

ValueId basic_block(Builder& b, const std::string& name, ValueId x, int64_t in, int64_t out, int64_t stride) {
  ValueId y = b.conv(name + ".conv1", x, in, out, {.kernel = 3, .stride = stride, .pad = 1, .bias = false});
  y = b.relu(b.batch_norm(name + ".bn1", y, out));
  y = b.batch_norm(name + ".bn2",
                   b.conv(name + ".conv2", y, out, out, {.kernel = 3, .pad = 1, .bias = false}), out);
  if (stride != 1 || in != out)
    x = b.batch_norm(name + ".shortcut_bn",
                     b.conv(name + ".shortcut", x, in, out, {.kernel = 1, .stride = stride, .bias = false}),
                     out);
  return b.relu(b.add(x, y));
}

}  // namespace

extern constexpr Architecture kResnet18{
    .name = "resnet18",
    .source = "He et al., CVPR 2016",
    .input = "3x224x224",
    .build = [](const ArchitectureOptions& o) {
      Builder b("resnet18", o);
      ValueId x = b.relu(b.batch_norm(
          "stem_bn",
          b.conv("stem", b.input(), o.channels, 64, {.kernel = 7, .stride = 2, .pad = 3, .bias = false}),
          64));
      x = b.max_pool(x, 3, 2, 1);
      int64_t in = 64;
      for (int64_t stage = 0; stage < 4; ++stage)
        for (int64_t i = 0; i < 2; ++i) {
          const int64_t out = int64_t{64} << stage;
          x = basic_block(b, "layer" + std::to_string(stage + 1) + "." + std::to_string(i), x, in, out,
                          stage > 0 && i == 0 ? 2 : 1);
          in = out;
        }
      x = b.flatten(b.global_average_pool(x));
      return std::move(b).finish(b.linear("fc", x, 512, o.classes));
    }};

}  // namespace dunlin::architectures
