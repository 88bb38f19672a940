#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,6] f32[3,4]"}};
}

/// x, like -> x in the shape of like, of which only the shape is read. The gradient of every reshaping op.
extern constexpr OpDef kReshapeLike{.name = "ReshapeLike",
                                    .domain = kDunlinDomain,
                                    .source = "adjoint of ONNX Reshape",
                                    .inputs = 2,
                                    .infer = infer_like_input1,
                                    .forward = [](const OpCall& c) { copy_logical(c.input(0), c.output(0)); },
                                    .gradient =
                                        [](Grad& g) {
                                          g.to_input(0, g.emit("ReshapeLike", {g.out_grad(0), g.in(0)}));
                                        },
                                    .shape_only_inputs = 0b10,
                                    .narrow_inputs = kAllInputs,
                                    .samples = kSamples};

}  // namespace dunlin::ops
