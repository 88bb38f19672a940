#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]"}, {"", "f32[2,1,4] f32[3,1] f32[]"}, {"", "f32[5]"}, {"", "i32[4]@-9..9 i32[1]@-9..9"}};
}

extern constexpr OpDef kMax{
    .name = "Max",
    .source = "ONNX Max, NaN in either input gives NaN",
    .infer = infer_broadcast,
    .forward =
        [](const OpCall& c) {
          for_format(c.input(0).format(), [&]<typename T>() {
            using C = ComputeType<T>;
            fold_inputs<T>(c, [](C a, C b) { return a > b || a != a ? a : b; }, [](C x) { return x; });
          });
        },
    .gradient = [](Grad& g) { // Each element's gradient goes to the first input that is the result there.
 ValueId rest = g.out_grad(0);
 const ValueId zero = g.constant(0, g.in(0));
 for (int i = 0; i < g.num_inputs(); ++i) {
   const ValueId taken = g.emit("Equal", {g.in(i), g.out(0)});
   if (g.needs(i)) g.to_input(i, g.reduce_to(g.emit("Where", {taken, rest, zero}), g.in(i)));
   if (i + 1 < g.num_inputs()) rest = g.emit("Where", {taken, zero, rest});
 } },
    .samples = kSamples};

}  // namespace dunlin::ops
