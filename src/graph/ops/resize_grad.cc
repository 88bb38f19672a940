#include "graph/ops/resample.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"mode='linear'", "f32[1,2,3,5] f32[1,2,2,3] _ _ i64{1,2,3,5}"},
                               {"", "f32[1,1,4,4] f32[1,1,2,2] _ f32{1,1,2,2}"}};

void forward(const OpCall& c) {
  const std::vector<ResampleAxis> axes = resample_axes(c, c.input(1).shape(), c.input(0).shape());
  for (const ResampleAxis& axis : axes)
    for (bool outside : axis.outside)
      if (outside) c.unsupported("the gradient of extrapolated elements is not supported");
  store_doubles(c, 0, resample(to_doubles(c.input(0)), axes, true));
}
}  // namespace

/// dx of Resize and Upsample: dy, x (its shape only), roi, scales, sizes (as in Resize). Attributes of
/// Resize.
extern constexpr OpDef kResizeGrad{
    .name = "ResizeGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Resize",
    .infer =
        [](const InferArgs& a) { return std::vector<Type>{{.format = a.format(0), .shape = a.shape(1)}}; },
    .forward = forward,
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
