#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32{0.5,1.5,2.5,-0.5,-1.5,0.4}"}, {"", "f32[2,5]@-4..4"}};
}

extern constexpr OpDef kRound{
    .name = "Round",
    .since = 11,
    .source = "ONNX Round: halves to even",
    .inputs = 1,
    .infer = infer_same,
    .forward = [](const OpCall& c) { map_float(c, [](auto x) { return std::nearbyint(x); }); },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
