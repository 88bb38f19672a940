#include <algorithm>

#include "graph/ops/movement.h"
#include "graph/ops/resample.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"mode='linear'", "f32[1,2,3,5] f32[1,2,2,3] _ _ i64{1,2,3,5}"},
                               {"", "f32[1,1,4,4] f32[1,1,2,2] _ f32{1,1,2,2}"}};

void forward(const OpCall& c) {
  const Shape& y = c.input(0).shape();
  const std::vector<ResampleAxis> axes = resample_axes(c, c.input(1).shape(), y);
  std::vector<double> dy = to_doubles(c.input(0));
  // An extrapolated element is a constant.
  size_t inner = 1;
  for (int d = y.rank() - 1; d >= 0; --d) {
    const std::vector<bool>& outside = axes[static_cast<size_t>(d)].outside;
    const size_t n = static_cast<size_t>(y[d]);
    for (size_t i = 0; i < n && i < outside.size(); ++i)
      if (outside[i])
        for (size_t first = i * inner; first < dy.size(); first += n * inner)
          std::fill_n(dy.begin() + static_cast<std::ptrdiff_t>(first), inner, 0.0);
    inner *= n;
  }
  store_doubles(c, 0, resample(std::move(dy), axes, true));
}
}  // namespace

/// dx of Resize and Upsample: dy, x (its shape only), roi, scales, sizes (as in Resize). Attributes of
/// Resize.
extern constexpr OpDef kResizeGrad{.name = "ResizeGrad",
                                   .domain = kDunlinDomain,
                                   .source = "adjoint of ONNX Resize",
                                   .inputs = {2, 5},
                                   .infer = infer_like_input1,
                                   .forward = forward,
                                   .shape_only_inputs = 0b10,
                                   .samples = kSamples};

}  // namespace dunlin::ops
