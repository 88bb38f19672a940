// The walk over time and the walk back through it, in double for the references and in float around the kernels.
// Everything lies row major; null stands for what is left out.
#pragma once

#include <algorithm>

#include "graph/ops/recurrent.h"

namespace dunlin::ops {

template <typename Real>
struct RecurrentOperands {
  const Real *x = nullptr, *w = nullptr, *r = nullptr, *b = nullptr, *h = nullptr, *c = nullptr, *p = nullptr;
  std::span<const int64_t> lengths = {};
};

template <typename Real>
struct RecurrentResults {
  Real *y = nullptr, *h = nullptr, *c = nullptr;
};

/// Filled with zeros before; `w` and `r` are always there.
template <typename Real>
struct RecurrentGradients {
  Real *x = nullptr, *w = nullptr, *r = nullptr, *b = nullptr, *h = nullptr, *c = nullptr, *p = nullptr;
};

/// What a walk knows of up to `block` consecutive steps of one direction: rows of gates, by time, and one more of
/// states. On the way back the block is all of them, and as many gradients stand beside.
template <typename Real>
struct RecurrentTape {
  int64_t block, first = 0, steps = 0;
  Real *h_now, *c_now;  ///< between two blocks
  Real *gates, *candidate, *h, *c;
  Real *d_gates, *d_candidate, *dh, *dc;
  int64_t size = 0;  ///< of the memory that all this takes

  /// Without memory it only counts.
  RecurrentTape(const RecurrentSizes& n, const RecurrentCell& cell, bool back, Real* memory = nullptr)
      : block(back ? n.steps
                   : std::clamp<int64_t>(64 / std::max<int64_t>(n.batch, 1), 1,
                                         std::max<int64_t>(n.steps, 1))) {
    const auto take = [&](int64_t count) {
      Real* const out = memory ? memory + size : nullptr;
      size += count;
      return out;
    };
    const int64_t has_c = cell.has_c ? 1 : 0, has_candidate = cell.joined < n.gates ? 1 : 0,
                  ways = back ? 1 : 0;
    h_now = take(n.rows());
    c_now = take(n.rows() * has_c);
    gates = take(block * n.batch * n.row());
    candidate = take(block * n.rows() * has_candidate);
    h = take((block + 1) * n.rows());
    c = take((block + 1) * n.rows() * has_c);
    d_gates = take(block * n.batch * n.row() * ways);
    d_candidate = take(block * n.rows() * has_candidate * ways);
    dh = take(n.rows() * ways);
    dc = take(n.rows() * has_c * ways);
  }
};

template <typename Real>
class RecurrentDirection {
 public:
  RecurrentDirection(const RecurrentSizes& n, const RecurrentCell& cell, const RecurrentOperands<Real>& in,
                     std::span<const GateActivation> functions, const RecurrentProducts<Real>& products,
                     int64_t index)
      : n_(n),
        cell_(cell),
        in_(in),
        products_(products),
        functions_(
            functions.subspan(static_cast<size_t>(index) * cell.activations.size(), cell.activations.size())),
        index_(index),
        back_(n.walks_back(index)) {}

  /// Walks over all steps; visit(step) after each.
  template <typename F>
  void walk(RecurrentTape<Real>& tape, F visit) const {
    get_state(in_.h, tape.h_now);
    if (cell_.has_c) get_state(in_.c, tape.c_now);
    for (int64_t done = 0; done < n_.steps; done += tape.steps) {
      begin(tape, done, std::min(tape.block, n_.steps - done));
      for (int64_t k = 0; k < tape.steps; ++k) {
        const RecurrentStep<Real> s = step(tape, back_ ? tape.first + tape.steps - 1 - k : tape.first + k);
        for (int64_t b = 0; b < n_.batch; ++b) {
          if (s.active(b)) continue;
          std::copy_n(s.h + b * n_.hidden, n_.hidden, s.h_out + b * n_.hidden);
          if (cell_.has_c) std::copy_n(s.c + b * n_.hidden, n_.hidden, s.c_out + b * n_.hidden);
        }
        cell_.template steps<Real>().step(s);
        visit(s);
      }
      const int64_t last = back_ ? 0 : tape.steps;
      std::copy_n(tape.h + last * n_.rows(), n_.rows(), tape.h_now);
      if (cell_.has_c) std::copy_n(tape.c + last * n_.rows(), n_.rows(), tape.c_now);
    }
  }

  /// The step on a tape that holds it.
  RecurrentStep<Real> step(const RecurrentTape<Real>& tape, int64_t time) const {
    const int64_t at = time - tape.first, row = n_.row();
    const int64_t before = (at + (back_ ? 1 : 0)) * n_.rows(), after = (at + (back_ ? 0 : 1)) * n_.rows();
    return {.size = n_,
            .products = products_,
            .functions = functions_,
            .rb = in_.b ? in_.b + (2 * index_ + 1) * row : nullptr,
            .p = in_.p ? in_.p + index_ * 3 * n_.hidden : nullptr,
            .lengths = in_.lengths,
            .time = time,
            .gates = tape.gates + at * n_.batch * row,
            .candidate = has_candidate() ? tape.candidate + at * n_.rows() : nullptr,
            .h = tape.h + before,
            .c = cell_.has_c ? tape.c + before : nullptr,
            .h_out = tape.h + after,
            .c_out = cell_.has_c ? tape.c + after : nullptr};
  }

  /// Adds what all steps together give, from the gradients of their gates.
  void add_totals(const RecurrentTape<Real>& tape, const RecurrentGradients<Real>& out) const {
    const int64_t row = n_.row(), hidden = n_.hidden, all = n_.steps * n_.batch,
                  joined = cell_.joined * hidden;
    Real *dw = out.w + index_ * row * n_.input, *dr = out.r + index_ * row * hidden;
    for_each_matrix(0, n_.steps, [&](int64_t m, int64_t x_row, int64_t gate_row, int64_t stride) {
      const Real* d = tape.d_gates + gate_row * row;
      if (out.x)
        products_.times(RecurrentWeight::kInput, 0, n_.gates, m, d, stride * row, out.x + x_row * n_.input,
                        n_.input);
      products_.transposed_times(m, n_.input, row, d, stride * row, in_.x + x_row * n_.input, n_.input, dw);
    });
    const Real* before = tape.h + (back_ ? n_.rows() : 0);
    products_.transposed_times(all, hidden, joined, tape.d_gates, row, before, hidden, dr);
    // The last gate's own way through R.
    const bool after = n_.linear_before_reset;
    const Real* d_last = after ? tape.d_candidate : tape.d_gates + joined;
    const int64_t d_last_row = after ? hidden : row;
    if (has_candidate())
      products_.transposed_times(all, hidden, hidden, d_last, d_last_row, after ? before : tape.candidate,
                                 hidden, dr + joined * hidden);
    if (!out.b) return;
    Real *dwb = out.b + 2 * index_ * row, *drb = dwb + row;
    for (int64_t i = 0; i < all; ++i)
      for (int64_t q = 0; q < row; ++q) {
        const Real d = tape.d_gates[i * row + q];
        dwb[q] += d;
        drb[q] += q < joined ? d : d_last[i * d_last_row + q - joined];
      }
  }

  bool has_candidate() const { return cell_.joined < n_.gates; }
  /// Of an array that lies as initial_h does: this direction's rows; zeros when there is none.
  void get_state(const Real* all, Real* own) const {
    for (int64_t b = 0; b < n_.batch; ++b)
      if (all)
        std::copy_n(all + state_row(b) * n_.hidden, n_.hidden, own + b * n_.hidden);
      else
        std::fill_n(own + b * n_.hidden, n_.hidden, Real(0));
  }
  void put_state(const Real* own, Real* all) const {
    for (int64_t b = 0; all && b < n_.batch; ++b)
      std::copy_n(own + b * n_.hidden, n_.hidden, all + state_row(b) * n_.hidden);
  }
  /// Where the entry's row of Y stands at that time.
  int64_t y_row(int64_t time, int64_t b) const {
    return n_.batch_first ? (b * n_.steps + time) * n_.directions + index_
                          : (time * n_.directions + index_) * n_.batch + b;
  }

 private:
  int64_t state_row(int64_t b) const {
    return n_.batch_first ? b * n_.directions + index_ : index_ * n_.batch + b;
  }

  /// f(rows, first row of x, first row of the gates, rows of gates from one to the next): the rows of x of some
  /// steps as few matrices.
  template <typename F>
  void for_each_matrix(int64_t first, int64_t steps, F f) const {
    if (!n_.batch_first) return f(steps * n_.batch, first * n_.batch, 0, 1);
    for (int64_t b = 0; b < n_.batch; ++b) f(steps, b * n_.steps + first, b, n_.batch);
  }

  /// Puts the states now, W x and the biases of the block on the tape.
  void begin(RecurrentTape<Real>& tape, int64_t done, int64_t steps) const {
    tape.steps = steps;
    tape.first = back_ ? n_.steps - done - steps : done;
    const int64_t start = back_ ? steps * n_.rows() : 0, row = n_.row();
    std::copy_n(tape.h_now, n_.rows(), tape.h + start);
    if (cell_.has_c) std::copy_n(tape.c_now, n_.rows(), tape.c + start);
    if (has_candidate()) std::fill_n(tape.candidate, steps * n_.rows(), Real(0));
    const Real *wb = in_.b ? in_.b + 2 * index_ * row : nullptr, *rb = wb ? wb + row : nullptr;
    // With linear_before_reset the reset gate scales the last gate's R h with its bias: the cell adds it.
    const int64_t with_rb = n_.linear_before_reset ? cell_.joined * n_.hidden : row;
    for (int64_t i = 0; i < steps * n_.batch; ++i)
      for (int64_t q = 0; q < row; ++q) tape.gates[i * row + q] = wb ? wb[q] + (q < with_rb ? rb[q] : 0) : 0;
    for_each_matrix(tape.first, steps, [&](int64_t m, int64_t x_row, int64_t gate_row, int64_t stride) {
      products_.times_transposed(RecurrentWeight::kInput, 0, n_.gates, m, in_.x + x_row * n_.input, n_.input,
                                 tape.gates + gate_row * row, stride * row);
    });
  }

  const RecurrentSizes& n_;
  const RecurrentCell& cell_;
  const RecurrentOperands<Real>& in_;
  const RecurrentProducts<Real>& products_;
  std::span<const GateActivation> functions_;
  int64_t index_;
  bool back_;
};

/// One direction, in memory of RecurrentTape(n, cell, false).size.
template <typename Real>
void walk_recurrent(const RecurrentSizes& n, const RecurrentCell& cell, const RecurrentOperands<Real>& in,
                    std::span<const GateActivation> functions, const RecurrentProducts<Real>& products,
                    int64_t index, const RecurrentResults<Real>& out, Real* memory) {
  const RecurrentDirection<Real> direction(n, cell, in, functions, products, index);
  RecurrentTape<Real> tape(n, cell, false, memory);
  direction.walk(tape, [&](const RecurrentStep<Real>& s) {
    for (int64_t b = 0; out.y && b < n.batch; ++b) {
      Real* const y = out.y + direction.y_row(s.time, b) * n.hidden;
      if (s.active(b))
        std::copy_n(s.h_out + b * n.hidden, n.hidden, y);
      else
        std::fill_n(y, n.hidden, Real(0));
    }
  });
  direction.put_state(tape.h_now, out.h);
  if (cell.has_c) direction.put_state(tape.c_now, out.c);
}

/// The same and back, in memory of RecurrentTape(n, cell, true).size: adds to `out` what `given`, the gradients of
/// the results, come to.
template <typename Real>
void walk_recurrent_back(const RecurrentSizes& n, const RecurrentCell& cell,
                         const RecurrentOperands<Real>& in, std::span<const GateActivation> functions,
                         const RecurrentProducts<Real>& products, int64_t index,
                         const RecurrentResults<const Real>& given, const RecurrentGradients<Real>& out,
                         Real* memory) {
  const RecurrentDirection<Real> direction(n, cell, in, functions, products, index);
  RecurrentTape<Real> tape(n, cell, true, memory);
  direction.walk(tape, [](const RecurrentStep<Real>&) {});
  std::fill_n(tape.d_gates, n.steps * n.batch * n.row(), Real(0));
  if (direction.has_candidate()) std::fill_n(tape.d_candidate, n.steps * n.rows(), Real(0));
  direction.get_state(given.h, tape.dh);
  if (cell.has_c) direction.get_state(given.c, tape.dc);
  for (int64_t k = n.steps - 1; k >= 0; --k) {
    const int64_t time = n.walks_back(index) ? n.steps - 1 - k : k;
    const RecurrentStep<Real> s = direction.step(tape, time);
    if (given.y)
      s.each([&](int64_t i, int64_t, int64_t j) {
        tape.dh[i] += given.y[direction.y_row(time, i / n.hidden) * n.hidden + j];
      });
    cell.template steps<Real>().back(
        {s, tape.d_gates + time * n.batch * n.row(),
         direction.has_candidate() ? tape.d_candidate + time * n.rows() : nullptr, tape.dh, tape.dc,
         out.p ? out.p + index * 3 * n.hidden : nullptr});
  }
  direction.add_totals(tape, out);
  direction.put_state(tape.dh, out.h);
  if (cell.has_c) direction.put_state(tape.dc, out.c);
}

}  // namespace dunlin::ops
