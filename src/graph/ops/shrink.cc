#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,5]@-6..6"}, {"", "f32[7]@-6..6"}, {"lambd=0.2 bias=0.1", "f32[7]"}};
}

extern constexpr OpDef kShrink{
    .name = "Shrink",
    .since = 9,
    .source = "ONNX Shrink",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const float lambd = c.attr_float("lambd", 0.5f), bias = c.attr_float("bias", 0);
          map_float(c, [=](auto x) {
            using C = decltype(x);
            return x < -lambd ? x + bias : x > lambd ? x - bias : C(0);
          });
        },
    .gradient =
        [](Grad& g) {
          const ValueId on =
              g.emit("Greater", {g.emit("Abs", {g.in(0)}), g.constant(g.attr_float("lambd", 0.5f), g.in(0))});
          g.to_input(0, g.emit("Where", {on, g.out_grad(0), g.constant(0, g.in(0))}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
