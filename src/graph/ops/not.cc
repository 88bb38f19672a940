#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "bool[2,3]@0..2"}};
}

extern constexpr OpDef kNot{.name = "Not",
                            .source = "ONNX Not",
                            .inputs = 1,
                            .infer = infer_same,
                            .forward = [](const OpCall& c) { map_unary<bool>(c, [](bool x) { return !x; }); },
                            .stops_gradient = true,
                            .samples = kSamples};

}  // namespace dunlin::ops
