#include "graph/ops/reduce.h"
#include "graph/ops/wrapping.h"

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

extern constexpr OpDef kReduceL1{.name = "ReduceL1",
                                 .source = "ONNX ReduceL1",
                                 .inputs = {1, 2},
                                 .infer = infer_reduce,
                                 .forward =
                                     [](const OpCall& c) {
                                       for_number_format(c.input(0).format(), [&]<typename T>() {
                                         using A = Accumulator<T>;
                                         reduce<T>(
                                             c, A{0},
                                             [](A a, A x) {
                                               if constexpr (std::is_signed_v<A>)
                                                 x = x < 0 ? wrapping::neg(x) : x;
                                               return wrapping::add(a, x);
                                             },
                                             [](A a, double) { return a; });
                                       });
                                     },
                                 .gradient =
                                     [](Grad& g) {
                                       const ReducedGrad r(g);
                                       r.give(g.mul(r.spread(g.out_grad(0)), g.emit("Sign", {g.in(0)})));
                                     },
                                 .samples = kSamples};

}  // namespace dunlin::ops
