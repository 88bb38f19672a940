#include "graph/autodiff/grad.h"
#include "graph/ops/scatter.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[4,2] i64[2,1]{3,-3} f32[2,2]"},
                               {"", "f32[2,2,2] i64[1,2]{0,1} f32[1,2]", 13},
                               {"reduction='add'", "f32[3] i64[3,1]{1,1,2} f32[3]", 16},
                               {"reduction='mul'", "i32[3]@1..9 i64[1,1]{1} i32[1]@1..9", 16}};
}

extern constexpr OpDef kScatterND{
    .name = "ScatterND",
    .since = 11,
    .source = "ONNX ScatterND",
    .inputs = 3,
    .infer = infer_scatter,
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.input(0).shape();
          const Shape expected = nd_indices(c, x, c.input(1).shape(), 0).result;
          if (c.input(2).shape() != expected)
            c.error("updates are {}, {} is expected", to_string(c.input(2).shape()), to_string(expected));
          scatter(c, [&](auto put) { for_each_nd_element(c, x, c.input(1), 0, put); });
        },
    .gradient =
        [](Grad& g) {
          const Reduction reduction = reduction_of(g);
          if (reduction != Reduction::kNone && reduction != Reduction::kAdd)
            g.unsupported("the gradient of this reduction is not supported");
          const ValueId dy = g.out_grad(0);
          g.to_input(0, reduction == Reduction::kAdd
                            ? dy
                            : g.emit("ScatterND", {dy, g.in(1), g.emit("ZerosLike", {g.in(2)})}));
          g.to_input(2, g.emit("GatherND", {dy, g.in(1)}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
