#include "graph/ops/reduce.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]@1..2 i64{1}"},
    {"keepdims=0", "f32[2,3,4]@1..2 i64{0,-1}"},
    {"keepdims=0", "f32[2,3]@1..2"},
    {"noop_with_empty_axes=1", "f32[2,3]@1..2 i64[0]{}"},
    {"axes=[1] keepdims=0", "f32[2,3,4]@1..2", 11},
    {"", "i32[2,3]@-9..9 i64{1}"},
};

}  // namespace

extern constexpr OpDef kReduceProd{
    .name = "ReduceProd",
    .source = "ONNX ReduceProd",
    .inputs = {1, 2},
    .infer = infer_reduce,
    .forward =
        [](const OpCall& c) {
          reduce_numbers(c, 1, []<typename A>(A a, A x) { return wrapping::mul(a, x); });
        },
    .gradient =
        [](Grad& g) {
          std::vector<ValueId> in{g.out_grad(0), g.in(0)};
          if (g.has_input(1)) in.push_back(g.in(1));
          g.to_input(0, g.emit("ReduceProdGrad", std::move(in), g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
