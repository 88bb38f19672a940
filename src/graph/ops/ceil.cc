#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[9]@-4..4"}};
}

extern constexpr OpDef kCeil{
    .name = "Ceil",
    .source = "ONNX Ceil",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::ceil(x); }); },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
