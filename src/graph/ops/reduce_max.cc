#include "graph/ops/reduce.h"

namespace dunlin::ops {

extern constexpr OpDef kReduceMax{.name = "ReduceMax",
                                  .source = "ONNX ReduceMax",
                                  .inputs = {1, 2},
                                  .infer = infer_reduce,
                                  .forward =
                                      [](const OpCall& c) {
                                        for_format(c.input(0).format(), [&]<typename T>() {
                                          using A = Extreme<T>;
                                          reduce<T>(
                                              c, limit<A>(false),
                                              [](A a, A x) { return x > a || x != x ? x : a; },
                                              [](A a, double) { return a; });
                                        });
                                      },
                                  .gradient = reduced_extreme_gradient,
                                  .samples = kReduceSamples};

}  // namespace dunlin::ops
