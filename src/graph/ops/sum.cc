#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]"}, {"", "f32[2,1,4] f32[3,1] f32[]"}, {"", "f32[5]"}};
}

extern constexpr OpDef kSum{.name = "Sum",
                            .source = "ONNX Sum",
                            .inputs = {1, kVariadic},
                            .infer = infer_broadcast,
                            .forward =
                                [](const OpCall& c) {
                                  for_float_format(c.input(0).format(), [&]<typename T>() {
                                    using C = ComputeType<T>;
                                    fold_inputs<T>(
                                        c, [](C a, C b) { return a + b; }, [](C x) { return x; });
                                  });
                                },
                            .gradient =
                                [](Grad& g) {
                                  for (int i = 0; i < g.num_inputs(); ++i)
                                    if (g.needs(i)) g.to_input(i, g.reduce_to(g.out_grad(0), g.in(i)));
                                },
                            .samples = kSamples};

}  // namespace dunlin::ops
