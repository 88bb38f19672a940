#include "graph/ops/binary_grad.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]"},
                               {"", "f32[2,1,4] f32[3,1]"},
                               {"", "f32[2,3,4] f32[]"},
                               {"", "i32[5]@1..9 i32[1]@1..9"},
                               {"broadcast=1 axis=1", "f32[2,3,4] f32[3]", 6}};
}

extern constexpr OpDef kMul{.name = "Mul",
                            .source = "ONNX Mul",
                            .inputs = 2,
                            .infer = infer_broadcast,
                            .forward =
                                [](const OpCall& c) {
                                  for_format(c.input(0).format(), [&]<typename T>() {
                                    map_binary<T, T>(c, [](auto x, auto y) { return wrapping::mul(x, y); });
                                  });
                                },
                            .gradient =
                                [](Grad& g) {
                                  if (g.needs(0)) give_broadcast(g, 0, g.mul(g.out_grad(0), second_input(g)));
                                  if (g.needs(1)) give_broadcast(g, 1, g.mul(g.out_grad(0), g.in(0)));
                                },
                            .samples = kSamples};

}  // namespace dunlin::ops
