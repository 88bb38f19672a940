#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"axis=1", "f32[2,3] f32[2,1] f32[2,2]"},
                               {"axis=-3", "f32[1,2,2] f32[3,2,2]"},
                               {"axis=-1", "f32[2,1] f32[2,0] f32[2,3] f32[2,2]", 4},
                               {"axis=0", "i64[2] i64[1]"}};
}

extern constexpr OpDef kConcat{
    .name = "Concat",
    .source = "ONNX Concat",
    .inputs = {1, kVariadic},
    .infer =
        [](const InferArgs& a) {
          Shape out = a.shape(0);
          const int axis = a.normalize_axis(a.attr_int("axis", 1), out.rank());
          for (int i = 1; i < a.num_inputs(); ++i) {
            const Shape& s = a.shape(i);
            if (s.rank() != out.rank())
              a.error("input 0 is {}, input {} is {}", to_string(out), i, to_string(s));
            for (int d = 0; d < out.rank(); ++d) {
              if (d == axis)
                out[d] = out[d] < 0 || s[d] < 0 ? kUnknownDim : out[d] + s[d];
              else if (out[d] >= 0 && s[d] >= 0 && out[d] != s[d])
                a.error("input 0 is {}, input {} is {}: axis {} differs", to_string(a.shape(0)), i,
                        to_string(s), d);
              else if (out[d] < 0)
                out[d] = s[d];
            }
          }
          return std::vector<Type>{{.format = a.format(0), .shape = out}};
        },
    .forward =
        [](const OpCall& c) {
          Tensor& y = c.output(0);
          const int axis = c.normalize_axis(c.attr_int("axis", 1), y.shape().rank());
          int64_t offset = 0;
          for (int i = 0; i < c.num_inputs(); ++i) {
            scatter_window(c.input(i), y, offset * y.strides()[static_cast<size_t>(axis)], y.strides(),
                           false);
            offset += c.input(i).shape()[axis];
          }
        },
    .gradient =
        [](Grad& g) {
          std::vector<ValueId> inputs{g.out_grad(0)};
          for (int i = 0; i < g.num_inputs(); ++i) inputs.push_back(g.in(i));
          const auto parts =
              g.emit_many("ConcatGrad", inputs, g.num_inputs(), {{"axis", g.attr_int("axis", 1)}});
          for (int i = 0; i < g.num_inputs(); ++i) g.to_input(i, parts[static_cast<size_t>(i)]);
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = kAllInputs,
    .samples = kSamples};

}  // namespace dunlin::ops
