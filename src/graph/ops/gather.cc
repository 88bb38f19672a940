#include "graph/ops/gather.h"
#include "graph/autodiff/grad.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[4,3] i64{0,-1,2,0}"},
                               {"axis=1", "f32[2,4,3] i64[2,2]{3,0,-4,1}"},
                               {"axis=-1", "f32[2,3] i64[]{-2}"},
                               {"axis=-2", "f32[2,4,3] i32[3,1]{1,1,-3}"},
                               {"axis=-1", "i32[2,3] i64[]{1}"}};
}

extern constexpr OpDef kGather{
    .name = "Gather",
    .source = "ONNX Gather",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          const Shape &x = a.shape(0), &indices = a.shape(1);
          const int axis = a.normalize_axis(a.attr_int("axis", 0), x.rank());
          Shape out;
          for (int d = 0; d < axis; ++d) out.push_back(x[d]);
          for (int64_t d : indices) out.push_back(d);
          for (int d = axis + 1; d < x.rank(); ++d) out.push_back(x[d]);
          return std::vector<Type>{{.format = a.format(0), .shape = out}};
        },
    .forward =
        [](const OpCall& c) {
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto x = word_elements<Word>(c.input(0));
            const auto y = word_elements<Word>(c.output(0));
            for_each_gathered(c, c.input(0).shape(), c.input(1), [&](size_t o, size_t i) { y[o] = x[i]; });
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(
              0, g.emit("GatherGrad", {g.out_grad(0), g.in(0), g.in(1)}, {{"axis", g.attr_int("axis", 0)}}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
