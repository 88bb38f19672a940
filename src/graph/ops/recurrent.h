// What RNN, LSTM and GRU share: types, sizes, and what a cell is given to do one step, or one step back.
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

enum class RecurrentWeight { kInput, kState };  // W and R

/// Products with the rows of W and R that belong to gates `first` to `last` - 1 of one direction.
template <typename Real>
class RecurrentProducts {
 public:
  virtual ~RecurrentProducts() = default;
  /// to += a * weight^T
  virtual void times_transposed(RecurrentWeight weight, int64_t first, int64_t last, int64_t m, const Real* a,
                                int64_t lda, Real* to, int64_t ldt) const = 0;
  /// to += a * weight
  virtual void times(RecurrentWeight weight, int64_t first, int64_t last, int64_t m, const Real* a,
                     int64_t lda, Real* to, int64_t ldt) const = 0;
  /// to[k, n] += a[m, k]^T * b[m, n]
  virtual void transposed_times(int64_t m, int64_t n, int64_t k, const Real* a, int64_t lda, const Real* b,
                                int64_t ldb, Real* to) const = 0;
};

/// One step of one direction for the whole batch. Element i = entry * hidden + j of a state belongs to elements
/// q = entry * row + gate * hidden + j of its gates.
template <typename Real>
struct RecurrentStep {
  const RecurrentSizes& size;
  const RecurrentProducts<Real>& products;
  std::span<const GateActivation> functions;  ///< f, g, h
  const Real *rb, *p;                         ///< the bias of R, peepholes; null where left out
  std::span<const int64_t> lengths;           ///< of the sequences; empty: all have every step
  int64_t time;
  Real* gates;      ///< in: W x and the biases; out: what goes into the functions
  Real* candidate;  ///< GRU: what the last gate takes from R apart from the rest, one state wide
  const Real *h, *c;
  Real *h_out, *c_out;

  bool active(int64_t entry) const { return lengths.empty() || time < lengths[static_cast<size_t>(entry)]; }
  /// f(i, q of gate 0, j) for every element of the entries whose sequence reaches this step.
  template <typename F>
  void each(F f) const {
    for (int64_t b = 0; b < size.batch; ++b)
      if (active(b))
        for (int64_t j = 0; j < size.hidden; ++j) f(b * size.hidden + j, b * size.row() + j, j);
  }
  /// to += state * R^T, for gates first to last - 1.
  void recur(const Real* state, int64_t first, int64_t last, Real* to, int64_t to_row) const {
    products.times_transposed(RecurrentWeight::kState, first, last, size.batch, state, size.hidden, to,
                              to_row);
  }
};

/// The same step on the way back. Gradients of what does not reach this step are zero.
template <typename Real>
struct RecurrentBackStep : RecurrentStep<Real> {
  Real *d_gates, *d_candidate;
  Real *dh, *dc;  ///< in: of h_out and c_out; out: of h and c
  Real* dp;       ///< null when there are no peepholes

  /// to += from * R, for gates first to last - 1: the adjoint of recur().
  void recur_back(const Real* from, int64_t from_row, int64_t first, int64_t last, Real* to) const {
    this->products.times(RecurrentWeight::kState, first, last, this->size.batch, from, from_row, to,
                         this->size.hidden);
  }
};

template <typename Real>
struct RecurrentSteps {
  void (*step)(const RecurrentStep<Real>&);
  void (*back)(const RecurrentBackStep<Real>&);
};

struct RecurrentCell {
  int64_t gates;
  /// How many of the gates, counted from the first, meet h through R in recur(h, ...); the GRU's last does so
  /// by way of `candidate`.
  int64_t joined;
  bool has_c;  ///< a second state, peepholes
  std::span<const std::string_view> activations;
  RecurrentSteps<double> in_double;  ///< the reference
  RecurrentSteps<float> in_float;    ///< around the kernels

  template <typename Real>
  const RecurrentSteps<Real>& steps() const {
    if constexpr (std::is_same_v<Real, double>)
      return in_double;
    else
      return in_float;
  }
  int num_inputs() const { return has_c ? 8 : 6; }
  int num_outputs() const { return has_c ? 3 : 2; }
};

extern const RecurrentCell kRnnCell, kLstmCell, kGruCell;

/// Inputs of the ops; the gradient op has the gradients of the outputs before them.
enum RecurrentInput { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };

RecurrentSizes recurrent_sizes(const NodeView& a, const RecurrentCell& cell, const Shape& x, const Shape& r);
/// sequence_lens, checked; empty when it is left out (null).
std::vector<int64_t> recurrent_lengths(const NodeView& a, const RecurrentSizes& n, const Tensor* lengths);

/// Inputs X, W, R, B, sequence_lens, initial_h, and of a cell that has c initial_c, P; outputs Y, Y_h, Y_c.
std::vector<Type> infer_recurrent(const InferArgs& a, const RecurrentCell& cell);
void recurrent_forward(const OpCall& c, const RecurrentCell& cell);
void recurrent_gradient(Grad& g, const RecurrentCell& cell);

/// The gradient op: dY, dY_h, of a cell that has c dY_c, and then the op's inputs -> the gradients of those
/// inputs that are there, in their order, sequence_lens left out.
std::vector<Type> infer_recurrent_grad(const InferArgs& a, const RecurrentCell& cell);
void recurrent_grad_forward(const OpCall& c, const RecurrentCell& cell);

}  // namespace dunlin::ops
