#include "graph/ops/recurrent.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kActivations[] = {"Sigmoid", "Tanh"};

/// The gates of one element: update, reset and new state.
struct Gates {
  double z, r, into_g, g;

  template <typename Real>
  Gates(const RecurrentStep<Real>& s, int64_t i, int64_t q) {
    const int64_t n = s.size.hidden;
    z = s.functions[0](s.gates[q]);
    r = s.functions[0](s.gates[q + n]);
    into_g = s.gates[q + 2 * n] + (s.size.linear_before_reset ? r * s.candidate[i] : 0);
    g = s.functions[1](into_g);
  }
};

// The candidate is R_h h with its bias (linear_before_reset), or r * h, which R_h is still to meet.
template <typename Real>
void step(const RecurrentStep<Real>& s) {
  const int64_t n = s.size.hidden, row = s.size.row();
  s.recur(s.h, 0, 2, s.gates, row);
  if (s.size.linear_before_reset) {
    if (s.rb) s.each([&](int64_t i, int64_t, int64_t j) { s.candidate[i] = s.rb[2 * n + j]; });
    s.recur(s.h, 2, 3, s.candidate, n);
  } else {
    s.each([&](int64_t i, int64_t q, int64_t) { s.candidate[i] = s.functions[0](s.gates[q + n]) * s.h[i]; });
    s.recur(s.candidate, 2, 3, s.gates + 2 * n, row);
  }
  s.each([&](int64_t i, int64_t q, int64_t) {
    const Gates v(s, i, q);
    s.h_out[i] = (1 - v.z) * v.g + v.z * s.h[i];
  });
}

template <typename Real>
void back(const RecurrentBackStep<Real>& s) {
  const int64_t n = s.size.hidden, row = s.size.row();
  const bool after = s.size.linear_before_reset;
  s.each([&](int64_t i, int64_t q, int64_t) {
    const Gates v(s, i, q);
    const double into_g = s.dh[i] * (1 - v.z) * s.functions[1].slope(v.into_g);
    s.d_gates[q] = s.dh[i] * (s.h[i] - v.g) * s.functions[0].slope(s.gates[q]);
    s.d_gates[q + 2 * n] = into_g;
    s.d_candidate[i] = after ? into_g * v.r : 0;
    s.dh[i] *= v.z;
  });
  s.recur_back(after ? s.d_candidate : s.d_gates + 2 * n, after ? n : row, 2, 3,
               after ? s.dh : s.d_candidate);
  s.each([&](int64_t i, int64_t q, int64_t) {
    const Gates v(s, i, q);
    const double dr = after ? s.d_gates[q + 2 * n] * s.candidate[i] : s.d_candidate[i] * s.h[i];
    s.d_gates[q + n] = dr * s.functions[0].slope(s.gates[q + n]);
    if (!after) s.dh[i] += s.d_candidate[i] * v.r;
  });
  s.recur_back(s.d_gates, row, 0, 2, s.dh);
}

constexpr Sample kSamples[] = {
    {"hidden_size=3", "f32[4,2,2] f32[1,9,2] f32[1,9,3]", 14, 2},
    {"hidden_size=3 linear_before_reset=1", "f32[4,2,2] f32[1,9,2] f32[1,9,3] f32[1,18]", 7, 2},
    {"hidden_size=3 linear_before_reset=1", "f32[4,2,2] f32[1,9,2] f32[1,9,3]", 7, 1},
    {"hidden_size=2 direction='reverse' clip=0.8",
     "f32[4,3,2] f32[1,6,2] f32[1,6,2] f32[1,12] i32{2,4,0} f32[1,3,2]", 21, 2},
    {"hidden_size=2 direction='bidirectional' linear_before_reset=1 "
     "activations=['HardSigmoid','Softsign','Sigmoid','Softplus'] activation_alpha=[0.3]",
     "f32[3,2,4] f32[2,6,4] f32[2,6,2] f32[2,12] i32{3,1} f32[2,2,2]", 21, 2},
    {"hidden_size=3 layout=1 direction='bidirectional'",
     "f32[2,4,2] f32[2,9,2] f32[2,9,3] f32[2,18] i32{3,4} f32[2,2,3]", 21, 2},
    {"hidden_size=19 direction='bidirectional'", "f32[9,8,17] f32[2,57,17] f32[2,57,19] f32[2,114]", 21, 2},
    {"hidden_size=19 direction='reverse' linear_before_reset=1",
     "f32[9,8,17] f32[1,57,17] f32[1,57,19] f32[1,114]", 21, 2},
    {"hidden_size=3", "f32[0,2,2] f32[1,9,2] f32[1,9,3] _ _ f32[1,2,3]", 21, 2},
};

}  // namespace

/// z, r = f(X W^T + H R^T + Wb + Rb), g(...) likewise of r * H, or with r * (H R^T + Rb);
/// H = (1 - z) * g + z * H. The gates lie as z, r, h.
extern constexpr RecurrentCell kGruCell{.gates = 3,
                                        .joined = 2,
                                        .has_c = false,
                                        .activations = kActivations,
                                        .in_double = {step<double>, back<double>},
                                        .in_float = {step<float>, back<float>}};

extern constexpr OpDef kGRU{.name = "GRU",
                            .since = 7,
                            .source = "ONNX GRU",
                            .inputs = {3, 6},
                            .outputs = {0, 2},
                            .infer = [](const InferArgs& a) { return infer_recurrent(a, kGruCell); },
                            .forward = [](const OpCall& c) { recurrent_forward(c, kGruCell); },
                            .gradient = [](Grad& g) { recurrent_gradient(g, kGruCell); },
                            .samples = kSamples};

}  // namespace dunlin::ops
