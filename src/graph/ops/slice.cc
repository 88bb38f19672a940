#include "graph/ops/slice.h"

#include "graph/autodiff/grad.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[5,4] i64{1,-3} i64{4,100} i64{0,1}"},
                               {"", "f32[5,4] i64{-1} i64{-100} i64{0} i64{-2}"},
                               {"", "f32[5,4] i64{1,0} i64{3,2}"},
                               {"", "f32[3,6] i64{-1} i64{-6} i64{-1} i64{-2}"},
                               {"", "f32[2,7] i64{6} i64{0} i64{1} i64{-3}"},
                               {"", "f32[4,2] i64{3} i64{1} i64{0}"},
                               {"starts=[1] ends=[3] axes=[1]", "f32[2,4]", 9}};

}  // namespace

extern constexpr OpDef kSlice{
    .name = "Slice",
    .source = "ONNX Slice",
    .inputs = {1, 5},
    .infer =
        [](const InferArgs& a) {
          Type type{.format = a.format(0), .shape = a.shape(0)};
          try {
            type.shape = slice_window(a, a.shape(0), row_major_strides(a.shape(0))).shape;
          } catch (const NotYetKnown&) {
            for (int d = 0; d < type.shape->rank(); ++d) (*type.shape)[d] = kUnknownDim;
          }
          return std::vector<Type>{type};
        },
    .forward =
        [](const OpCall& c) {
          const SliceWindow w = slice_window(c, c.input(0).shape(), c.input(0).strides());
          if (!c.output(0)) c.allocate(0, c.input(0).format(), w.shape);
          copy_window(c.input(0), w.offset, w.strides, c.output(0));
        },
    .gradient =
        [](Grad& g) {
          std::vector<ValueId> inputs{g.out_grad(0), g.in(0)};
          for (int i = 1; i < g.num_inputs(); ++i) inputs.push_back(g.in(i));
          g.to_input(0, g.emit("SliceGrad", inputs, g.node().attributes));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
