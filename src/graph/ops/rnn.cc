#include "graph/ops/recurrent.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kActivations[] = {"Tanh"};

template <typename Real>
void step(const RecurrentStep<Real>& s) {
  s.recur(s.h, 0, 1, s.gates, s.size.row());
  s.each([&](int64_t i, int64_t q, int64_t) { s.h_out[i] = s.functions[0](s.gates[q]); });
}

template <typename Real>
void back(const RecurrentBackStep<Real>& s) {
  s.each([&](int64_t i, int64_t q, int64_t) {
    s.d_gates[q] = s.dh[i] * s.functions[0].slope(s.gates[q]);
    s.dh[i] = 0;
  });
  s.recur_back(s.d_gates, s.size.row(), 0, 1, s.dh);
}

constexpr Sample kSamples[] = {
    {"hidden_size=3", "f32[4,2,2] f32[1,3,2] f32[1,3,3]", 14, 2},
    {"hidden_size=3 direction='reverse' activations=['Sigmoid']",
     "f32[4,3,2] f32[1,3,2] f32[1,3,3] f32[1,6] i32{2,4,0} f32[1,3,3]", 7, 2},
    {"hidden_size=2 direction='bidirectional' activations=['ScaledTanh','Elu'] activation_alpha=[1.5,0.5] "
     "activation_beta=[0.7]",
     "f32[3,2,4] f32[2,2,4] f32[2,2,2] f32[2,4] i32{3,1} f32[2,2,2]", 21, 2},
    {"hidden_size=3 layout=1 direction='bidirectional' activations=['Softsign','Softplus']",
     "f32[2,4,2] f32[2,3,2] f32[2,3,3] f32[2,6] i32{3,4} f32[2,2,3]", 21, 2},
    {"hidden_size=3 activations=['Affine'] activation_alpha=[0.5] activation_beta=[0.1] clip=0.9",
     "f32[3,2,2] f32[1,3,2] f32[1,3,3]", 21, 1},
    {"hidden_size=2 direction='bidirectional' activations=['HardSigmoid','LeakyRelu']",
     "f32[3,1,2] f32[2,2,2] f32[2,2,2]", 21, 2},
    {"hidden_size=3 direction='bidirectional' activations=['Relu','ThresholdedRelu'] activation_alpha=[0.2]",
     "f32[3,2,2]@1..2 f32[2,3,2]@0..1 f32[2,3,3]@0..1", 21, 2},
    // Longer than the steps that W meets at once, and wider than a tile of the kernels; no chaos.
    {"hidden_size=2 direction='bidirectional'", "f32[70,1,2] f32[2,2,2] f32[2,2,2] _ i32{67}", 21, 2},
    {"hidden_size=19 direction='reverse' layout=1 activations=['ScaledTanh'] activation_alpha=[0.3]",
     "f32[2,40,17] f32[1,19,17] f32[1,19,19]", 21, 2},
    {"hidden_size=3", "f32[0,2,2] f32[1,3,2] f32[1,3,3] _ _ f32[1,2,3]", 21, 2},
    {"hidden_size=3", "f32[3,0,2] f32[1,3,2] f32[1,3,3]", 21, 2},
};

}  // namespace

/// H = f(X W^T + H R^T + Wb + Rb)
extern constexpr RecurrentCell kRnnCell{.gates = 1,
                                        .joined = 1,
                                        .has_c = false,
                                        .activations = kActivations,
                                        .in_double = {step<double>, back<double>},
                                        .in_float = {step<float>, back<float>}};

extern constexpr OpDef kRNN{.name = "RNN",
                            .since = 7,
                            .source = "ONNX RNN",
                            .inputs = {3, 6},
                            .outputs = {0, 2},
                            .infer = [](const InferArgs& a) { return infer_recurrent(a, kRnnCell); },
                            .forward = [](const OpCall& c) { recurrent_forward(c, kRnnCell); },
                            .gradient = [](Grad& g) { recurrent_gradient(g, kRnnCell); },
                            .samples = kSamples};

}  // namespace dunlin::ops
