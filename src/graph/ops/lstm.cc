#include "graph/ops/recurrent.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kActivations[] = {"Sigmoid", "Tanh", "Tanh"};

/// A peephole's weight: of i, o or f, as they lie in P.
enum Peephole { kI, kO, kF };
template <typename Real>
double peephole(const RecurrentStep<Real>& s, Peephole gate, int64_t j) {
  return s.p ? s.p[gate * s.size.hidden + j] : 0;
}

/// The gates of one element that meet the old state.
struct Gates {
  double i, f, g;

  template <typename Real>
  Gates(const RecurrentStep<Real>& s, int64_t q) {
    const int64_t n = s.size.hidden;
    i = s.functions[0](s.gates[q]);
    f = s.size.input_forget ? 1 - i : s.functions[0](s.gates[q + 2 * n]);
    g = s.functions[1](s.gates[q + 3 * n]);
  }
};

template <typename Real>
void step(const RecurrentStep<Real>& s) {
  const int64_t n = s.size.hidden;
  s.recur(s.h, 0, 4, s.gates, s.size.row());
  s.each([&](int64_t at, int64_t q, int64_t j) {
    s.gates[q] += peephole(s, kI, j) * s.c[at];
    s.gates[q + 2 * n] += peephole(s, kF, j) * s.c[at];
    const Gates v(s, q);
    s.c_out[at] = v.f * s.c[at] + v.i * v.g;
    s.gates[q + n] += peephole(s, kO, j) * s.c_out[at];
    s.h_out[at] = s.functions[0](s.gates[q + n]) * s.functions[2](s.c_out[at]);
  });
}

template <typename Real>
void back(const RecurrentBackStep<Real>& s) {
  const int64_t n = s.size.hidden;
  const GateActivation &f = s.functions[0], &g = s.functions[1], &h = s.functions[2];
  s.each([&](int64_t at, int64_t q, int64_t j) {
    const Gates v(s, q);
    const double o = f(s.gates[q + n]), d_o = s.dh[at] * h(s.c_out[at]) * f.slope(s.gates[q + n]);
    const double dc = s.dc[at] + s.dh[at] * o * h.slope(s.c_out[at]) + d_o * peephole(s, kO, j);
    const double coupled = s.size.input_forget ? s.c[at] : 0;
    const double d_i = dc * (v.g - coupled) * f.slope(s.gates[q]);
    const double d_f = s.size.input_forget ? 0 : dc * s.c[at] * f.slope(s.gates[q + 2 * n]);
    s.d_gates[q] = d_i;
    s.d_gates[q + n] = d_o;
    s.d_gates[q + 2 * n] = d_f;
    s.d_gates[q + 3 * n] = dc * v.i * g.slope(s.gates[q + 3 * n]);
    s.dc[at] = dc * v.f + d_i * peephole(s, kI, j) + d_f * peephole(s, kF, j);
    s.dh[at] = 0;
    if (!s.dp) return;
    s.dp[kI * n + j] += d_i * s.c[at];
    s.dp[kO * n + j] += d_o * s.c_out[at];
    s.dp[kF * n + j] += d_f * s.c[at];
  });
  s.recur_back(s.d_gates, s.size.row(), 0, 4, s.dh);
}

constexpr Sample kSamples[] = {
    {"hidden_size=3", "f32[4,2,2] f32[1,12,2] f32[1,12,3]", 14, 3},
    {"hidden_size=3", "f32[4,2,2] f32[1,12,2] f32[1,12,3] f32[1,24] _ f32[1,2,3] f32[1,2,3] f32[1,9]", 7, 3},
    {"hidden_size=2 direction='reverse' clip=0.8",
     "f32[4,3,2] f32[1,8,2] f32[1,8,2] f32[1,16] i32{2,4,0} f32[1,3,2] f32[1,3,2] f32[1,6]", 21, 3},
    {"hidden_size=2 direction='bidirectional' input_forget=1 "
     "activations=['HardSigmoid','Softsign','Tanh','Sigmoid','Softplus','Affine'] "
     "activation_alpha=[0.3,0.7] activation_beta=[0.4,0.1]",
     "f32[3,2,4] f32[2,8,4] f32[2,8,2] f32[2,16] i32{3,1} f32[2,2,2] f32[2,2,2] f32[2,6]", 21, 3},
    {"hidden_size=3 layout=1 direction='bidirectional'",
     "f32[2,4,2] f32[2,12,2] f32[2,12,3] f32[2,24] i32{3,4} f32[2,2,3] f32[2,2,3]", 21, 3},
    {"hidden_size=3", "f32[4,2,2] f32[1,12,2] f32[1,12,3] _ _ _ f32[1,2,3]", 21, 1},
    {"hidden_size=19 direction='bidirectional'",
     "f32[9,8,17] f32[2,76,17] f32[2,76,19] f32[2,152] i32{9,1,0,8,9,9,7,2}", 21, 3},
    {"hidden_size=3", "f32[0,2,2] f32[1,12,2] f32[1,12,3] _ _ f32[1,2,3] f32[1,2,3]", 21, 3},
};

}  // namespace

/// i, f = f(X W^T + H R^T + P * C + Wb + Rb), C = f * C + i * g(...), o = f(... + P * C), H = o * h(C).
/// The gates lie as i, o, f, c; the peepholes as i, o, f.
extern constexpr RecurrentCell kLstmCell{.gates = 4,
                                         .joined = 4,
                                         .has_c = true,
                                         .activations = kActivations,
                                         .in_double = {step<double>, back<double>},
                                         .in_float = {step<float>, back<float>}};

extern constexpr OpDef kLSTM{.name = "LSTM",
                             .since = 7,
                             .source = "ONNX LSTM",
                             .inputs = {3, 8},
                             .outputs = {0, 3},
                             .infer = [](const InferArgs& a) { return infer_recurrent(a, kLstmCell); },
                             .forward = [](const OpCall& c) { recurrent_forward(c, kLstmCell); },
                             .gradient = [](Grad& g) { recurrent_gradient(g, kLstmCell); },
                             .samples = kSamples};

}  // namespace dunlin::ops
