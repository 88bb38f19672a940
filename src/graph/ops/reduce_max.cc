#include "graph/ops/reduce.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] i64{1}"},
    {"keepdims=0", "f32[2,3,4] i64{0,-1}"},
    {"keepdims=0", "f32[2,3]"},
    {"noop_with_empty_axes=1", "f32[2,3] i64[0]{}"},
    {"axes=[1] keepdims=0", "f32[2,3,4]", 11},
    {"", "i32[2,3]@-9..9 i64{1}"},
};

}  // namespace

extern constexpr OpDef kReduceMax{
    .name = "ReduceMax",
    .source = "ONNX ReduceMax",
    .inputs = {1, 2},
    .infer = infer_reduce,
    .forward =
        [](const OpCall& c) {
          for_format(c.input(0).format(), [&]<typename T>() {
            using A = Extreme<T>;
            reduce<T>(
                c, limit<A>(false), [](A a, A x) { return x > a || x != x ? x : a; },
                [](A a, double) { return a; });
          });
        },
    .gradient =
        [](Grad& g) {  // Equal extremes share the gradient, as in PyTorch's amax and amin.
          const ReducedGrad r(g);
          const ValueId taken = g.emit("CastLike", {g.emit("Equal", {g.in(0), r.spread(g.out(0))}), g.in(0)});
          const ValueId count = r.sum(taken);
          r.give(g.mul(taken, r.spread(g.div(g.out_grad(0), count))));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
