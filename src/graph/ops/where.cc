#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "bool[2,3]@0..2 f32[2,3] f32[2,3]"},
                               {"", "bool[3]{1,0,1} f32[2,1] f32[]"},
                               {"", "bool[2,1]@0..2 i64[3]@0..9 i64[2,3]@0..9"}};
}

extern constexpr OpDef kWhere{
    .name = "Where",
    .since = 9,
    .source = "ONNX Where",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) {
          if (a.format(1) != a.format(2) && a.format(1) && a.format(2))
            a.error("X is {}, Y is {}: one type is expected", a.format(1)->name, a.format(2)->name);
          return std::vector<Type>{
              {.format = a.format(1),
               .shape = broadcast_shapes(a, a.shape(0), broadcast_shapes(a, a.shape(1), a.shape(2)))}};
        },
    .forward =
        [](const OpCall& c) {
          for_word(c.input(1).format(), [&]<typename Word>() {
            Tensor& z = c.output(0);
            const bool* condition = c.input(0).data<bool>();
            const Word *x = words<Word>(c.input(1)), *y = words<Word>(c.input(2));
            Word* out = words<Word>(z);
            for_each_strided(
                z.shape(),
                [&](size_t, int64_t o, int64_t k, int64_t i, int64_t j) {
                  out[o] = condition[k] ? x[i] : y[j];
                },
                z.strides(), broadcast_strides(c.input(0), z.shape()),
                broadcast_strides(c.input(1), z.shape()), broadcast_strides(c.input(2), z.shape()));
          });
        },
    .gradient =
        [](Grad& g) {
          const ValueId zero = g.constant(0, g.out_grad(0));
          if (g.needs(1))
            g.to_input(1, g.reduce_to(g.emit("Where", {g.in(0), g.out_grad(0), zero}), g.in(1)));
          if (g.needs(2))
            g.to_input(2, g.reduce_to(g.emit("Where", {g.in(0), zero, g.out_grad(0)}), g.in(2)));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 0b110,
    .samples = kSamples};

}  // namespace dunlin::ops
