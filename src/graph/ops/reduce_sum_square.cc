#include "graph/ops/reduce.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

extern constexpr OpDef kReduceSumSquare{
    .name = "ReduceSumSquare",
    .source = "ONNX ReduceSumSquare",
    .inputs = {1, 2},
    .infer = infer_reduce,
    .forward =
        [](const OpCall& c) {
          reduce_numbers(c, 0, []<typename A>(A a, A x) { return wrapping::add(a, wrapping::mul(x, x)); });
        },
    .gradient =
        [](Grad& g) {
          const ReducedGrad r(g);
          const ValueId dx = r.spread(g.out_grad(0));
          r.give(g.mul(g.mul(dx, g.in(0)), g.constant(2, g.in(0))));
        },
    .samples = kReduceSamples};

}  // namespace dunlin::ops
