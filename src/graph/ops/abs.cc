#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "f32[7]"}, {"", "i32[5]@-9..9"}, {"", "u8[3]@0..9"}};
}

extern constexpr OpDef kAbs{
    .name = "Abs",
    .source = "ONNX Abs",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          for_number_format(c.input(0).format(), [&]<typename T>() {
            map_unary<T>(c, [](auto x) { return x < 0 ? wrapping::neg(x) : x; });
          });
        },
    .gradient = [](Grad& g) { g.to_input(0, g.mul(g.out_grad(0), g.emit("Sign", {g.in(0)}))); },
    .samples = kSamples};

}  // namespace dunlin::ops
