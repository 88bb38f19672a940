#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]"}, {"", "f32[2,1,4] f32[3,1] f32[]"}, {"", "f32[5]"}};
}

extern constexpr OpDef kMean{.name = "Mean",
                             .source = "ONNX Mean",
                             .inputs = {1, kVariadic},
                             .infer = infer_broadcast,
                             .forward =
                                 [](const OpCall& c) {
                                   for_float_format(c.input(0).format(), [&]<typename T>() {
                                     using C = ComputeType<T>;
                                     fold_inputs<T>(
                                         c, [](C a, C b) { return a + b; },
                                         [n = static_cast<C>(c.num_inputs())](C x) { return x / n; });
                                   });
                                 },
                             .gradient =
                                 [](Grad& g) {
                                   const ValueId share =
                                       g.div(g.out_grad(0),
                                             g.constant(static_cast<float>(g.num_inputs()), g.out_grad(0)));
                                   for (int i = 0; i < g.num_inputs(); ++i)
                                     if (g.needs(i)) g.to_input(i, g.reduce_to(share, g.in(i)));
                                 },
                             .samples = kSamples};

}  // namespace dunlin::ops
