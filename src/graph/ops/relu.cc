#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[7]"}, {"", "f32[2,3,5]"}};
}

extern constexpr OpDef kRelu{
    .name = "Relu",
    .source = "ONNX Relu",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return x > 0 ? x : decltype(x)(0); }); },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("ReluGrad", {g.out_grad(0), g.out(0)}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
