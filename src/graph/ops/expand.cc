#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,1] i64{2,3,4}"}, {"", "f32[3,4] i64{1}"}, {"", "f32[] i64{2}"}};
}

extern constexpr OpDef kExpand{
    .name = "Expand",
    .since = 8,
    .source = "ONNX Expand",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          const std::vector<int64_t> target = *a.ints("", 1);
          return std::vector<Type>{
              {.format = a.format(0), .shape = broadcast_shapes(a, a.shape(0), checked_shape(a, target))}};
        },
    .forward =
        [](const OpCall& c) {
          if (!c.output(0))
            c.allocate(0, c.input(0).format(),
                       broadcast_shapes(c, c.input(0).shape(), checked_shape(c, to_ints(c.input(1)))));
          copy_window(c.input(0), 0, broadcast_strides(c.input(0), c.output(0).shape()), c.output(0));
        },
    .gradient = [](Grad& g) { g.to_input(0, g.reduce_to(g.out_grad(0), g.in(0))); },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
