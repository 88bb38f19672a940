#include "graph/ops/movement.h"
#include "graph/ops/slice.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,3] f32[5,4] i64{1,-3} i64{4,100} i64{0,1}"}};
}

/// dy, x, starts, ends, axes, steps -> zeros in the shape of x (only its shape is read) with dy in the
/// window.
extern constexpr OpDef kSliceGrad{.name = "SliceGrad",
                                  .domain = kDunlinDomain,
                                  .source = "adjoint of ONNX Slice",
                                  .inputs = {2, 6},
                                  .infer = infer_like_input1,
                                  .forward =
                                      [](const OpCall& c) {
                                        Tensor& dx = c.output(0);
                                        fill_zero(dx);
                                        const SliceWindow w = slice_window(c, dx.shape(), dx.strides(), 2);
                                        scatter_window(c.input(0), dx, w.offset, w.strides, false);
                                      },
                                  .shape_only_inputs = 0b10,
                                  .narrow_inputs = 0b11,
                                  .samples = kSamples};

}  // namespace dunlin::ops
