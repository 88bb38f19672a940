#include "graph/autodiff/grad.h"
#include "graph/ops/block_shuffle.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"blocksize=2", "f32[2,2,4,6]"}};
}

extern constexpr OpDef kSpaceToDepth{
    .name = "SpaceToDepth",
    .source = "ONNX SpaceToDepth",
    .inputs = 1,
    .infer = infer_space_to_depth,
    .forward = [](const OpCall& c) { space_to_depth(c, false); },
    .gradient = [](Grad& g) { g.to_input(0, g.emit("DepthToSpace", {g.out_grad(0)}, g.node().attributes)); },
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
