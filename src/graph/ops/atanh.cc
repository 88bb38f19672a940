#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}};
}

extern constexpr OpDef kAtanh{
    .name = "Atanh",
    .since = 9,
    .source = "ONNX Atanh",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::atanh(x); }); },
    .gradient =
        [](Grad& g) {
          const ValueId x = g.in(0);
          g.to_input(0, g.div(g.out_grad(0), g.sub(g.constant(1, x), g.mul(x, x))));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
