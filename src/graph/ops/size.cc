#include "graph/op.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,4]"}, {"", "f32[]"}};
}

extern constexpr OpDef kSize{
    .name = "Size",
    .source = "ONNX Size",
    .inputs = 1,
    .infer = [](const InferArgs&) { return std::vector<Type>{{.format = &formats::kI64, .shape = Shape{}}}; },
    .forward = [](const OpCall& c) { c.out<int64_t>(0)[0] = c.input(0).num_elements(); },
    .shape_only_inputs = 1,
    .stops_gradient = true,
    .strings = Strings::kTaken,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
