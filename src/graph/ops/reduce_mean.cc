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
                                   .samples = kSamples};

}  // namespace dunlin::ops
