#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "bool[2,3]@0..2 bool[3]@0..2"}, {"", "bool[2,1]@0..2 bool[1,3]@0..2"}};
}

extern constexpr OpDef kOr{
    .name = "Or",
    .source = "ONNX Or",
    .inputs = 2,
    .infer = infer_compare,
    .forward = [](const OpCall& c) { map_binary<bool, bool>(c, [](bool x, bool y) { return x || y; }); },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
