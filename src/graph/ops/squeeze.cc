#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[1,3,1] i64{0}"},
                               {"", "f32[1,3,1]"},
                               {"", "f32[1,3,1] i64{-1,0}"},
                               {"axes=[-1,0]", "f32[1,3,1]", 11}};
}

extern constexpr OpDef kSqueeze{
    .name = "Squeeze",
    .source = "ONNX Squeeze",
    .inputs = {1, 2},
    .infer =
        [](const InferArgs& a) {
          const Shape& x = a.shape(0);
          const auto axes = sorted_axes(a, x.rank());
          Shape out;
          for (int i = 0; i < x.rank(); ++i) {
            const bool drop = axes ? std::binary_search(axes->begin(), axes->end(), i) : x[i] == 1;
            if (!drop)
              out.push_back(x[i]);
            else if (x[i] > 1 || x[i] == 0)
              a.error("axis {} of {} is not 1", i, to_string(x));
          }
          return std::vector<Type>{{.format = a.format(0), .shape = out}};
        },
    .forward = [](const OpCall& c) { copy_logical(c.input(0), c.output(0)); },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("ReshapeLike", {g.out_grad(0), g.in(0)}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
