#include <cmath>

#include "graph/ops/reduce.h"

namespace dunlin::ops {

namespace {

/// Of integers the exact sum too, which holds as long as it fits 64 bits.
struct Squares {
  double sum = 0;
  uint64_t whole = 0;
};

}  // namespace

extern constexpr OpDef kReduceL2{
    .name = "ReduceL2",
    .source = "ONNX ReduceL2",
    .inputs = {1, 2},
    .infer = infer_reduce,
    .forward =
        [](const OpCall& c) {
          for_number_format(c.input(0).format(), [&]<typename T>() {
            using A = Accumulator<T>;
            reduce<T>(
                c, Squares{},
                [](Squares s, A x) {
                  const auto about = static_cast<double>(x);
                  s.sum += about * about;
                  if constexpr (std::is_integral_v<A>)
                    s.whole += static_cast<uint64_t>(x) * static_cast<uint64_t>(x);
                  return s;
                },
                [](Squares s, double) {
                  return std::sqrt(std::is_integral_v<A> && s.sum < 0x1p63 ? static_cast<double>(s.whole)
                                                                           : s.sum);
                });
          });
        },
    .gradient =
        [](Grad& g) {
          // At the norm's kink, where all elements are 0, the gradient is 0.
          const ReducedGrad r(g);
          const ValueId zero = g.constant(0, g.out(0)), flat = g.emit("Equal", {g.out(0), zero});
          const ValueId slope = g.emit("Where", {flat, zero, g.div(g.out_grad(0), g.out(0))});
          r.give(g.mul(r.spread(slope), g.in(0)));
        },
    .samples = kReduceSamples};

}  // namespace dunlin::ops
