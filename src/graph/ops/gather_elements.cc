#include "graph/autodiff/grad.h"
#include "graph/ops/gather.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"axis=1", "f32[2,3] i64[2,2]{0,-1,2,2}"},
                               {"", "f32[3,2] i64[1,2]{2,0}"},
                               {"axis=-2", "f32[2,3,2] i32[2,4,2]{0,-1,2,2,2,2,-3,0,1,1,1,1,0,0,-1,-2}"}};
}

extern constexpr OpDef kGatherElements{
    .name = "GatherElements",
    .since = 11,
    .source = "ONNX GatherElements",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) { return std::vector<Type>{{.format = a.format(0), .shape = a.shape(1)}}; },
    .forward =
        [](const OpCall& c) {
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto x = word_elements<Word>(c.input(0));
            const auto y = word_elements<Word>(c.output(0));
            for_each_element_index(c, c.input(0).shape(), c.input(1),
                                   [&](size_t o, size_t i) { y[o] = x[i]; });
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("GatherElementsGrad", {g.out_grad(0), g.in(0), g.in(1)},
                               {{"axis", g.attr_int("axis", 0)}}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
