#include "graph/autodiff/grad.h"
#include "graph/ops/block_shuffle.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"blocksize=2", "f32[2,8,2,3]"}, {"blocksize=2 mode='CRD'", "f32[1,8,2,3]"}};
}

extern constexpr OpDef kDepthToSpace{
    .name = "DepthToSpace",
    .source = "ONNX DepthToSpace",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          Shape s = a.shape(0);
          const int64_t b = block_size_of(a);
          if (s.rank() != 4) a.error("input is {}, [N,C,H,W] is expected", to_string(s));
          if (s[1] >= 0 && s[1] % (b * b) != 0) a.error("{} channels do not divide by {}", s[1], b * b);
          for (int d : {1, 2, 3})
            if (s[d] >= 0) s[d] = d == 1 ? s[d] / (b * b) : s[d] * b;
          return std::vector<Type>{{.format = a.format(0), .shape = s}};
        },
    .forward =
        [](const OpCall& c) {
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto in = word_elements<Word>(c.input(0));
            const auto out = word_elements<Word>(c.output(0));
            for_each_block_cell(c.input(0).shape(), block_size_of(c), c.attr_string("mode", "DCR") == "CRD",
                                [&](size_t deep, size_t wide) { out[wide] = in[deep]; });
          });
        },
    .gradient =
        [](Grad& g) { g.to_input(0, g.emit("SpaceToDepthLike", {g.out_grad(0)}, g.node().attributes)); },
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
