// What RNN, LSTM and GRU share: types and sizes, the walk over time, and the walk back through it. A cell says
// what happens in one step.
#pragma once

#include "graph/autodiff/grad.h"
#include "graph/ops/gate_activation.h"

namespace dunlin::ops {

struct RecurrentSizes {
  int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1, gates = 1;
  bool batch_first = false;     ///< layout 1: the batch axis stands before those of time and direction
  bool backward_first = false;  ///< direction 0 walks from the last step to the first
  bool linear_before_reset = false, input_forget = false;

  int64_t row() const { return gates * hidden; }
  int64_t rows() const { return batch * hidden; }
  bool walks_back(int64_t direction) const { return backward_first || direction == 1; }
};

/// One step of one direction for the whole batch. Element i = entry * hidden + j of a state belongs to elements
/// q = entry * row + gate * hidden + j of its gates.
struct RecurrentStep {
  const RecurrentSizes& size;
  std::span<const GateActivation> functions;  ///< f, g, h
  const double *r, *rb, *p;                   ///< R, its bias, peepholes; null where left out
  std::span<const int64_t> lengths;           ///< of the sequences; empty: all have every step
  int64_t time;
  double* gates;      ///< in: W x and the biases; out: what goes into the functions
  double* candidate;  ///< GRU: what the last gate takes from R apart from the rest, one state wide
  const double *h, *c;
  double *h_out, *c_out;

  bool active(int64_t entry) const { return lengths.empty() || time < lengths[static_cast<size_t>(entry)]; }
  /// f(i, q of gate 0, j) for every element of the entries whose sequence reaches this step.
  template <typename F>
  void each(F f) const {
    for (int64_t b = 0; b < size.batch; ++b)
      if (active(b))
        for (int64_t j = 0; j < size.hidden; ++j) f(b * size.hidden + j, b * size.row() + j, j);
  }
  /// to += state * R^T, for gates first to last - 1.
  void recur(const double* state, int64_t first, int64_t last, double* to, int64_t to_row) const;
};

/// The same step on the way back. Gradients of what does not reach this step are zero.
struct RecurrentBackStep : RecurrentStep {
  double *d_gates, *d_candidate;
  double *dh, *dc;  ///< in: of h_out and c_out; out: of h and c
  double* dp;

  /// to += from * R, for gates first to last - 1: the adjoint of recur().
  void recur_back(const double* from, int64_t from_row, int64_t first, int64_t last, double* to) const;
};

struct RecurrentCell {
  int64_t gates;
  /// How many of the gates, counted from the first, meet h through R in recur(h, ...); the GRU's last does so
  /// by way of `candidate`.
  int64_t joined;
  bool has_c;  ///< a second state, peepholes
  std::span<const std::string_view> activations;
  void (*step)(const RecurrentStep&);
  void (*back)(const RecurrentBackStep&);
};

extern const RecurrentCell kRnnCell, kLstmCell, kGruCell;

/// Inputs X, W, R, B, sequence_lens, initial_h, and of a cell that has c initial_c, P; outputs Y, Y_h, Y_c.
std::vector<Type> infer_recurrent(const InferArgs& a, const RecurrentCell& cell);
void recurrent_forward(const OpCall& c, const RecurrentCell& cell);
void recurrent_gradient(Grad& g, const RecurrentCell& cell);

/// The gradient op: dY, dY_h, of a cell that has c dY_c, and then the op's inputs -> the gradients of those
/// inputs that are there, in their order, sequence_lens left out.
std::vector<Type> infer_recurrent_grad(const InferArgs& a, const RecurrentCell& cell);
void recurrent_grad_forward(const OpCall& c, const RecurrentCell& cell);

}  // namespace dunlin::ops
