#include <cmath>

#include "graph/ops/reduce.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]@1..2 i64{1}"},
    {"keepdims=0", "f32[2,3,4]@1..2 i64{0,-1}"},
    {"keepdims=0", "f32[2,3]@1..2"},
    {"noop_with_empty_axes=1", "f32[2,3]@1..2 i64[0]{}"},
    {"axes=[1] keepdims=0", "f32[2,3,4]@1..2", 11},
};

}  // namespace

extern constexpr OpDef kReduceLogSum{.name = "ReduceLogSum",
                                     .source = "ONNX ReduceLogSum",
                                     .inputs = {1, 2},
                                     .infer = infer_reduce,
                                     .forward =
                                         [](const OpCall& c) {
                                           for_float_format(c.input(0).format(), [&]<typename T>() {
                                             using A = Accumulator<T>;
                                             reduce<T>(
                                                 c, A{0}, [](A a, A x) { return a + x; },
                                                 [](A a, double) { return std::log(a); });
                                           });
                                         },
                                     .gradient =
                                         [](Grad& g) {
                                           const ReducedGrad r(g);
                                           r.give(r.spread(g.div(g.out_grad(0), g.emit("Exp", {g.out(0)}))));
                                         },
                                     .samples = kSamples};

}  // namespace dunlin::ops
