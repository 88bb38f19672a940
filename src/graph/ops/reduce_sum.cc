#include "graph/ops/reduce.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

extern constexpr OpDef kReduceSum{.name = "ReduceSum",
                                  .source = "ONNX ReduceSum",
                                  .inputs = {1, 2},
                                  .infer = infer_reduce,
                                  .forward =
                                      [](const OpCall& c) {
                                        reduce_numbers(
                                            c, 0, []<typename A>(A a, A x) { return wrapping::add(a, x); });
                                      },
                                  .gradient =
                                      [](Grad& g) {
                                        const ReducedGrad r(g);
                                        r.give(r.spread(g.out_grad(0)));
                                      },
                                  .samples = kReduceSamples};

}  // namespace dunlin::ops
