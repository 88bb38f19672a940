#include "graph/autodiff/grad.h"
#include "graph/ops/scatter.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,2] i64[2,2]{0,1,2,-1}"},
                               {"", "f32[3,2] i64[3,1]{2,2,0}"},
                               {"batch_dims=1", "f32[2,3,2] i64[2,1]{1,0}", 12}};
}

extern constexpr OpDef kGatherND{
    .name = "GatherND",
    .since = 11,
    .source = "ONNX GatherND",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          const NdIndices n = nd_indices(a, a.shape(0), a.shape(1), a.attr_int("batch_dims", 0));
          Type type{.format = a.format(0), .shape = {}};
          if (n.depth >= 0) type.shape = n.result;
          return std::vector<Type>{type};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.input(0).shape();
          const int64_t batch_dims = c.attr_int("batch_dims", 0);
          if (!c.output(0))
            c.allocate(0, c.input(0).format(), nd_indices(c, x, c.input(1).shape(), batch_dims).result);
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto from = word_elements<Word>(c.input(0));
            const auto y = word_elements<Word>(c.output(0));
            for_each_nd_element(c, x, c.input(1), batch_dims, [&](size_t o, size_t i) { y[o] = from[i]; });
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("GatherNDGrad", {g.out_grad(0), g.in(0), g.in(1)},
                               {{"batch_dims", g.attr_int("batch_dims", 0)}}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
