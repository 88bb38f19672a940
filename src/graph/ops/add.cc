#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3] f32[2,3]"}, {"", "f32[2,1,4] f32[3,1]"}, {"", "i32[5] i32[1]", 21}};
}

extern constexpr OpDef kAdd{.name = "Add",
                            .since = 7,
                            .source = "ONNX Add",
                            .infer = infer_broadcast,
                            .forward =
                                [](const OpCall& c) {
                                  for_format(c.input(0).format(), [&]<typename T>() {
                                    map_binary<T, T>(c, [](auto x, auto y) { return x + y; });
                                  });
                                },
                            .gradient =
                                [](Grad& g) {
                                  g.to_input(0, g.reduce_to(g.out_grad(0), g.in(0)));
                                  g.to_input(1, g.reduce_to(g.out_grad(0), g.in(1)));
                                },
                            .samples = kSamples};

}  // namespace dunlin::ops
