#include "graph/ops/recurrent.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"direction='bidirectional'",
     "f32[4,2,2,3] _ f32[2,2,3] f32[4,2,2] f32[2,12,2] f32[2,12,3] f32[2,24] i32{3,4} f32[2,2,3] f32[2,2,3] "
     "f32[2,9]",
     21, 7},
    {"layout=1", "_ f32[2,1,3] _ f32[2,4,2] f32[1,12,2] f32[1,12,3]", 21, 3}};
}

/// Gradient of LSTM: dY, dY_h, dY_c (each may be left out), X, W, R, B, sequence_lens, initial_h, initial_c, P
/// {those of LSTM} -> dX, dW, dR, dB, d_initial_h, d_initial_c, dP, without those of inputs that are left out.
extern constexpr OpDef kLSTMGrad{
    .name = "LSTMGrad",
    .domain = kDunlinDomain,
    .source = "Werbos 1990, backpropagation through time",
    .inputs = {6, 11},
    .optional_inputs = 0b111,
    .outputs = {3, 7},
    .infer = [](const InferArgs& a) { return infer_recurrent_grad(a, kLstmCell); },
    .forward = [](const OpCall& c) { recurrent_grad_forward(c, kLstmCell); },
    .samples = kSamples};

}  // namespace dunlin::ops
