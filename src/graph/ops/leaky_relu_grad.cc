#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]@-6..6"}};
}

/// dx = dy where x > 0, else alpha * dy.
extern constexpr OpDef kLeakyReluGrad{
    .name = "LeakyReluGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX LeakyRelu",
    .inputs = 2,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float alpha = c.attr_float("alpha", 0.01f);
          for_float_format(c.input(0).format(), [&]<typename T>() {
            map_binary<T, T>(c, [=](auto dy, auto x) { return x > 0 ? dy : alpha * dy; });
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
