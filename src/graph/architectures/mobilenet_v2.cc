#include "graph/architectures/builder.h"

namespace dunlin::architectures {

namespace {

/// Expand with 1x1, filter depthwise with 3x3, project with 1x1; a shortcut where the shape stays.
ValueId inverted_residual(Builder& b, const std::string& name, ValueId x, int64_t in, int64_t out,
                          int64_t stride, int64_t expansion) {
  const int64_t hidden = in * expansion;
  ValueId y = x;
  if (expansion != 1)
    y = b.relu6(b.batch_norm(name + ".expand_bn",
                             b.conv(name + ".expand", y, in, hidden, {.kernel = 1, .bias = false}), hidden));
  y = b.conv(name + ".depthwise", y, hidden, hidden,
             {.kernel = 3, .stride = stride, .pad = 1, .groups = hidden, .bias = false});
  y = b.relu6(b.batch_norm(name + ".depthwise_bn", y, hidden));
  y = b.batch_norm(name + ".project_bn",
                   b.conv(name + ".project", y, hidden, out, {.kernel = 1, .bias = false}), out);
  return stride == 1 && in == out ? b.add(x, y) : y;
}

}  // namespace

extern constexpr Architecture kMobilenetV2{
    .name = "mobilenet_v2",
    .source = "Sandler et al., CVPR 2018",
    .input = "3x224x224",
    .build = [](const ArchitectureOptions& o) {
      struct Stage {
        int64_t expansion, channels, repeats, stride;
      };
      constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                   {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
      Builder b("mobilenet_v2", o);
      ValueId x = b.relu6(b.batch_norm(
          "stem_bn",
          b.conv("stem", b.input(), o.channels, 32, {.kernel = 3, .stride = 2, .pad = 1, .bias = false}),
          32));
      int64_t in = 32, index = 0;
      for (const Stage& s : kStages)
        for (int64_t r = 0; r < s.repeats; ++r, in = s.channels)
          x = inverted_residual(b, "block" + std::to_string(index++), x, in, s.channels,
                                r == 0 ? s.stride : 1, s.expansion);
      x = b.relu6(b.batch_norm("head_bn", b.conv("head", x, in, 1280, {.kernel = 1, .bias = false}), 1280));
      x = b.flatten(b.global_average_pool(x));
      return std::move(b).finish(b.linear("classifier", x, 1280, o.classes));
    }};

}  // namespace dunlin::architectures
