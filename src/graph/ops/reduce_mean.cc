#include "graph/ops/reduce.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

extern constexpr OpDef kReduceMean{.name = "ReduceMean",
                                   .source = "ONNX ReduceMean",
                                   .inputs = {1, 2},
                                   .infer = infer_reduce,
                                   .forward =
                                       [](const OpCall& c) {
                                         for_number_format(c.input(0).format(), [&]<typename T>() {
                                           using A = Accumulator<T>;
                                           reduce<T>(
                                               c, A{0}, [](A a, A x) { return wrapping::add(a, x); },
                                               [](A a, double count) {
                                                 // The mean of no integers is left open; of no floats it is NaN.
                                                 if (std::is_integral_v<A> && count == 0) return A{0};
                                                 return static_cast<A>(a / static_cast<A>(count));
                                               });
                                         });
                                       },
                                   .gradient =
                                       [](Grad& g) {
                                         const ReducedGrad r(g);
                                         const ValueId dx = r.spread(g.out_grad(0));
                                         r.give(g.mul(dx, r.ratio(g.in(0))));
                                       },
                                   .samples = kReduceSamples};

}  // namespace dunlin::ops
