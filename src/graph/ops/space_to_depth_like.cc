#include "graph/autodiff/grad.h"
#include "graph/ops/block_shuffle.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"blocksize=2 mode='CRD'", "f32[1,2,4,6]"}};
}

/// SpaceToDepth with the modes of DepthToSpace, which it undoes.
extern constexpr OpDef kSpaceToDepthLike{
    .name = "SpaceToDepthLike",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX DepthToSpace",
    .inputs = 1,
    .infer = infer_space_to_depth,
    .forward = [](const OpCall& c) { space_to_depth(c, c.attr_string("mode", "DCR") == "CRD"); },
    .narrow_inputs = kAllInputs,
    .samples = kSamples};

}  // namespace dunlin::ops
