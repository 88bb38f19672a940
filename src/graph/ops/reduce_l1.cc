#include "graph/ops/reduce.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

extern constexpr OpDef kReduceL1{.name = "ReduceL1",
                                 .source = "ONNX ReduceL1",
                                 .inputs = {1, 2},
                                 .infer = infer_reduce,
                                 .forward =
                                     [](const OpCall& c) {
                                       reduce_numbers(c, 0, []<typename A>(A a, A x) {
                                         if constexpr (std::is_signed_v<A>) x = x < 0 ? wrapping::neg(x) : x;
                                         return wrapping::add(a, x);
                                       });
                                     },
                                 .gradient =
                                     [](Grad& g) {
                                       const ReducedGrad r(g);
                                       r.give(g.mul(r.spread(g.out_grad(0)), g.emit("Sign", {g.in(0)})));
                                     },
                                 .samples = kReduceSamples};

}  // namespace dunlin::ops
