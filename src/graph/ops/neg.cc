#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "i8[4]@-9..9"}};
}

extern constexpr OpDef kNeg{.name = "Neg",
                            .source = "ONNX Neg",
                            .inputs = 1,
                            .infer = infer_same,
                            .forward =
                                [](const OpCall& c) {
                                  for_format(c.input(0).format(), [&]<typename T>() {
                                    map_unary<T>(c, [](auto x) { return wrapping::neg(x); });
                                  });
                                },
                            .gradient = [](Grad& g) { g.to_input(0, g.neg(g.out_grad(0))); },
                            .samples = kSamples};

}  // namespace dunlin::ops
