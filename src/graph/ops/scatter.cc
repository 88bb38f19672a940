#include "graph/ops/scatter.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"axis=1", "f32[2,4] i64[2,2]{0,3,2,1} f32[2,2]", 10}};
}

/// ScatterElements under its first name.
extern constexpr OpDef kScatter{.name = "Scatter",
                                .since = 9,
                                .source = "ONNX Scatter, deprecated in opset 11",
                                .inputs = 3,
                                .infer = infer_scatter,
                                .forward = scatter_elements,
                                .gradient = scatter_elements_gradient,
                                .samples = kSamples};

}  // namespace dunlin::ops
