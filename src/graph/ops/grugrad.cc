#include "graph/ops/recurrent.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"direction='bidirectional' linear_before_reset=1",
     "f32[4,2,2,3] _ f32[4,2,2] f32[2,9,2] f32[2,9,3] f32[2,18] i32{3,4} f32[2,2,3]", 21, 5},
    {"layout=1", "_ f32[2,1,3] f32[2,4,2] f32[1,9,2] f32[1,9,3]", 21, 3}};
}

/// Gradient of GRU: dY, dY_h (either may be left out), X, W, R, B, sequence_lens, initial_h {those of GRU}
///   -> dX, dW, dR, dB, d_initial_h, without those of inputs that are left out.
extern constexpr OpDef kGRUGrad{.name = "GRUGrad",
                                .domain = kDunlinDomain,
                                .source = "Werbos 1990, backpropagation through time",
                                .inputs = {5, 8},
                                .optional_inputs = 0b11,
                                .outputs = {3, 5},
                                .infer = [](const InferArgs& a) { return infer_recurrent_grad(a, kGruCell); },
                                .forward = [](const OpCall& c) { recurrent_grad_forward(c, kGruCell); },
                                .samples = kSamples};

}  // namespace dunlin::ops
