#include "graph/ops/arg_extreme.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"axis=1", "f32[2,5,3]"},
                               {"axis=-1 keepdims=0", "i32[4,3]@0..3"},
                               {"select_last_index=1", "i32[6]@0..2", 13}};
}

extern constexpr OpDef kArgMin{
    .name = "ArgMin",
    .source = "ONNX ArgMin",
    .inputs = 1,
    .infer = infer_arg_extreme,
    .forward = [](const OpCall& c) { arg_extreme(c, [](auto x, auto best) { return x < best; }); },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
