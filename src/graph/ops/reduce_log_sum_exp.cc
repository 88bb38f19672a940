#include <cmath>

#include "graph/ops/reduce.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]@-9..9 i64{1}"},
    {"keepdims=0", "f32[2,3,4] i64{0,-1}"},
    {"keepdims=0", "f32[2,3]"},
    {"axes=[1] keepdims=0", "f32[2,3,4]", 11},
};

/// log(sum) so far as max + log(rest), so that no exponential overflows.
struct Pair {
  double max = -INFINITY, rest = 0;
};

void forward(const OpCall& c) {
  for_float_format(c.input(0).format(), [&]<typename T>() {
    reduce<T>(
        c, Pair{},
        [](Pair a, double x) {
          if (x == -INFINITY) return a;
          if (x <= a.max) return Pair{a.max, a.rest + (x == a.max ? 1 : std::exp(x - a.max))};
          return Pair{x, a.rest * std::exp(a.max - x) + 1};
        },
        [](Pair a, double) { return a.max + std::log(a.rest); });
  });
}

void gradient(Grad& g) {
  const ReducedGrad r(g);
  const ValueId share = g.emit("Exp", {g.sub(g.in(0), r.spread(g.out(0)))});
  r.give(g.mul(r.spread(g.out_grad(0)), share));
}

}  // namespace

extern constexpr OpDef kReduceLogSumExp{.name = "ReduceLogSumExp",
                                        .source = "ONNX ReduceLogSumExp",
                                        .inputs = {1, 2},
                                        .infer = infer_reduce,
                                        .forward = forward,
                                        .gradient = gradient,
                                        .samples = kSamples};

}  // namespace dunlin::ops
