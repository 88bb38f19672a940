#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[3,2] i64{0,-1}"}, {"", "f32[] i64{0}"}, {"axes=[1]", "f32[3,2]", 11}};
}

extern constexpr OpDef kUnsqueeze{
    .name = "Unsqueeze",
    .source = "ONNX Unsqueeze",
    .inputs = {1, 2},
    .infer =
        [](const InferArgs& a) {
          const Shape& x = a.shape(0);
          const auto given = a.ints("axes", 1);
          if (!given) a.error("axes are missing");
          const int rank = x.rank() + static_cast<int>(given->size());
          const std::vector<int> axes = *sorted_axes(a, rank);
          Shape out;
          for (int i = 0, from = 0; i < rank; ++i)
            out.push_back(std::binary_search(axes.begin(), axes.end(), i) ? 1 : x[from++]);
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
