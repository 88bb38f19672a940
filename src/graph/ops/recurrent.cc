#include "graph/ops/recurrent.h"

#include <algorithm>

#include "graph/ops/channels.h"

namespace dunlin::ops {

namespace {

/// Inputs, counted from X: the gradient op has the gradients of the outputs before it.
enum Input { kX, kW, kR, kB, kLengths, kH, kC, kP };
constexpr std::string_view kNames[] = {"X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"};

int num_inputs(const RecurrentCell& cell) { return cell.has_c ? kP + 1 : kH + 1; }
int num_outputs(const RecurrentCell& cell) { return cell.has_c ? 3 : 2; }

RecurrentSizes read_sizes(const NodeView& a, const RecurrentCell& cell, const Shape& x, const Shape& r) {
  RecurrentSizes n;
  const std::string direction = a.attr_string("direction", "forward");
  if (direction == "reverse")
    n.backward_first = true;
  else if (direction == "bidirectional")
    n.directions = 2;
  else if (direction != "forward")
    a.error("direction is \"{}\", forward, reverse or bidirectional is expected", direction);
  const int64_t layout = a.attr_int("layout", 0);
  if (layout != 0 && layout != 1) a.error("layout is {}, 0 or 1 is expected", layout);
  if (x.rank() != 3) a.error("X is {}, three axes are expected", to_string(x));
  if (r.rank() != 3) a.error("R is {}, three axes are expected", to_string(r));
  n.batch_first = layout == 1;
  n.steps = x[n.batch_first ? 1 : 0];
  n.batch = x[n.batch_first ? 0 : 1];
  n.input = x[2];
  n.gates = cell.gates;
  n.hidden = r[2];
  if (n.input == 0 || n.hidden == 0)
    a.error("X is {} and R is {}, inputs and states of at least one number are expected", to_string(x),
            to_string(r));
  if (a.has_attr("hidden_size") && n.hidden >= 0 && a.attr_int("hidden_size", 0) != n.hidden)
    a.error("hidden_size is {}, R is {}", a.attr_int("hidden_size", 0), to_string(r));
  n.linear_before_reset = a.attr_int("linear_before_reset", 0) != 0;
  n.input_forget = a.attr_int("input_forget", 0) != 0;
  return n;
}

Shape state_shape(const RecurrentSizes& n) {
  return n.batch_first ? Shape{n.batch, n.directions, n.hidden} : Shape{n.directions, n.batch, n.hidden};
}

/// Checks the inputs from X on, which is input `first`.
RecurrentSizes check_inputs(const InferArgs& a, const RecurrentCell& cell, int first) {
  if (a.num_inputs() > first + num_inputs(cell))
    a.error("has {} inputs, at most {} are expected", a.num_inputs(), first + num_inputs(cell));
  const RecurrentSizes n = read_sizes(a, cell, a.shape(first + kX), a.shape(first + kR));
  gate_activations(a, n.directions, cell.activations);
  const auto times = [](int64_t k, int64_t d) { return d < 0 ? kUnknownDim : k * d; };
  const Shape expected[] = {a.shape(first + kX),
                            {n.directions, times(n.gates, n.hidden), n.input},
                            {n.directions, times(n.gates, n.hidden), n.hidden},
                            {n.directions, times(2 * n.gates, n.hidden)},
                            {n.batch},
                            state_shape(n),
                            state_shape(n),
                            {n.directions, times(3, n.hidden)}};
  const Format format = a.format(first + kX);
  for (int k = 0; k < num_inputs(cell); ++k) {
    if (k > kR && !a.has_input(first + k)) continue;
    const Format got = a.format(first + k), want = k == kLengths ? &formats::kI32 : format;
    if (got && want && got != want) a.error("{} is {}, {} is expected", kNames[k], got->name, want->name);
    if (!a.has_shape(first + k)) continue;
    const Shape &shape = a.shape(first + k), &wanted = expected[k];
    bool agree = shape.rank() == wanted.rank();
    for (int d = 0; agree && d < shape.rank(); ++d)
      agree = shape[d] < 0 || wanted[d] < 0 || shape[d] == wanted[d];
    if (!agree) a.error("{} is {}, {} is expected", kNames[k], to_string(shape), to_string(wanted));
  }
  return n;
}

/// The inputs as rows of doubles; empty where left out.
struct Operands {
  std::vector<double> x, w, r, b, h, c, p;
  std::vector<int64_t> lengths;
};

Operands read_operands(const OpCall& c, const RecurrentSizes& n, int first) {
  const auto read = [&](int k) {
    return c.has_input(first + k) ? to_doubles(c.input(first + k)) : std::vector<double>();
  };
  Operands in{read(kX), read(kW), read(kR), read(kB), read(kH), read(kC), read(kP), {}};
  if (c.has_input(first + kLengths)) in.lengths = to_ints(c.input(first + kLengths));
  for (int64_t length : in.lengths)
    if (length < 0 || length > n.steps)
      c.error("sequence_lens holds {}, 0 to {} is expected", length, n.steps);
  return in;
}

/// out[m, n] += a[m, k] * b[n, k]^T
void add_times_transposed(int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b,
                          double* out, int64_t ldo) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += a[i * lda + l] * b[j * k + l];
      out[i * ldo + j] += sum;
    }
}

/// out[m, n] += a[m, k] * b[k, n]
void add_times(int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b, double* out,
               int64_t ldo) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l)
      for (int64_t j = 0; j < n; ++j) out[i * ldo + j] += a[i * lda + l] * b[l * n + j];
}

/// out[k, n] += a[m, k]^T * b[m, n]
void add_transposed_times(int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b,
                          int64_t ldb, double* out) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l)
      for (int64_t j = 0; j < n; ++j) out[l * n + j] += a[i * lda + l] * b[i * ldb + j];
}

/// What one direction knows of some consecutive steps: `steps` rows of gates, by time, and one more of states.
struct Tape {
  int64_t first = 0, steps = 0;
  std::vector<double> gates, candidate, h, c;
};

class Direction {
 public:
  Direction(const RecurrentSizes& n, const RecurrentCell& cell, const Operands& in,
            std::span<const GateActivation> functions, int64_t index)
      : n_(n),
        cell_(cell),
        in_(in),
        functions_(
            functions.subspan(static_cast<size_t>(index) * cell.activations.size(), cell.activations.size())),
        index_(index),
        back_(n.walks_back(index)) {
    h = state(in.h);
    if (cell.has_c) c = state(in.c);
  }

  std::vector<double> h, c;  ///< now
  int64_t index() const { return index_; }

  /// Walks over all steps, `block` of them on the tape at once; visit(time, h of that step).
  template <typename F>
  void walk(int64_t block, Tape& tape, F visit) {
    for (int64_t done = 0; done < n_.steps; done += tape.steps) {
      begin(tape, done, std::min(block, n_.steps - done));
      for (int64_t k = 0; k < tape.steps; ++k) {
        const RecurrentStep s = step(tape, back_ ? tape.first + tape.steps - 1 - k : tape.first + k);
        for (int64_t b = 0; b < n_.batch; ++b) {
          if (s.active(b)) continue;
          std::copy_n(s.h + b * n_.hidden, n_.hidden, s.h_out + b * n_.hidden);
          if (cell_.has_c) std::copy_n(s.c + b * n_.hidden, n_.hidden, s.c_out + b * n_.hidden);
        }
        cell_.step(s);
        visit(s);
      }
      const int64_t last = back_ ? 0 : tape.steps;
      std::copy_n(slot(tape.h, last), n_.rows(), h.data());
      if (cell_.has_c) std::copy_n(slot(tape.c, last), n_.rows(), c.data());
    }
  }

  /// The step on a tape that holds it.
  RecurrentStep step(Tape& tape, int64_t time) const {
    const int64_t at = time - tape.first, before = at + (back_ ? 1 : 0), after = at + (back_ ? 0 : 1);
    const int64_t row = n_.row();
    const double* rb = in_.b.empty() ? nullptr : in_.b.data() + (2 * index_ + 1) * row;
    return {.size = n_,
            .functions = functions_,
            .r = in_.r.data() + index_ * row * n_.hidden,
            .rb = rb,
            .p = in_.p.empty() ? nullptr : in_.p.data() + index_ * 3 * n_.hidden,
            .lengths = in_.lengths,
            .time = time,
            .gates = tape.gates.data() + at * n_.batch * row,
            .candidate = tape.candidate.data() + (tape.candidate.empty() ? 0 : at * n_.rows()),
            .h = slot(tape.h, before),
            .c = cell_.has_c ? slot(tape.c, before) : nullptr,
            .h_out = slot(tape.h, after),
            .c_out = cell_.has_c ? slot(tape.c, after) : nullptr};
  }

  /// f(rows, first row of x, first row of the gates, rows of gates from one to the next): the rows of x of some
  /// steps as few matrices.
  template <typename F>
  void for_each_matrix(int64_t first, int64_t steps, F f) const {
    if (!n_.batch_first) return f(steps * n_.batch, first * n_.batch, 0, 1);
    for (int64_t b = 0; b < n_.batch; ++b) f(steps, b * n_.steps + first, b, n_.batch);
  }

  /// The states before each step of a tape that holds them all.
  const double* states_before(const Tape& tape) const { return tape.h.data() + (back_ ? n_.rows() : 0); }

  /// Of an array that lies as initial_h does: this direction's rows; zeros when it is empty.
  std::vector<double> state(const std::vector<double>& all) const {
    std::vector<double> out(static_cast<size_t>(n_.rows()), 0.0);
    for (int64_t b = 0; !all.empty() && b < n_.batch; ++b)
      std::copy_n(all.data() + state_row(b) * n_.hidden, n_.hidden, out.data() + b * n_.hidden);
    return out;
  }
  void put_state(const std::vector<double>& own, std::vector<double>& all) const {
    for (int64_t b = 0; b < n_.batch; ++b)
      std::copy_n(own.data() + b * n_.hidden, n_.hidden, all.data() + state_row(b) * n_.hidden);
  }
  /// Where the entry's row of Y stands at that time.
  int64_t y_row(int64_t time, int64_t b) const {
    return n_.batch_first ? (b * n_.steps + time) * n_.directions + index_
                          : (time * n_.directions + index_) * n_.batch + b;
  }

 private:
  double* slot(std::vector<double>& states, int64_t at) const { return states.data() + at * n_.rows(); }
  int64_t state_row(int64_t b) const {
    return n_.batch_first ? b * n_.directions + index_ : index_ * n_.batch + b;
  }

  /// Puts the states now, W x and the biases of the block on the tape.
  void begin(Tape& tape, int64_t done, int64_t steps) {
    tape.steps = steps;
    tape.first = back_ ? n_.steps - done - steps : done;
    const size_t rows = static_cast<size_t>(n_.rows()), count = static_cast<size_t>(steps);
    tape.gates.assign(count * static_cast<size_t>(n_.batch * n_.row()), 0.0);
    tape.candidate.assign(cell_.joined < n_.gates ? count * rows : 0, 0.0);
    tape.h.resize((count + 1) * rows);
    tape.c.resize(cell_.has_c ? (count + 1) * rows : 0);
    const int64_t start = back_ ? steps : 0, row = n_.row();
    std::copy_n(h.data(), rows, slot(tape.h, start));
    if (cell_.has_c) std::copy_n(c.data(), rows, slot(tape.c, start));
    if (!in_.b.empty()) {
      const double *wb = in_.b.data() + 2 * index_ * row, *rb = wb + row;
      // With linear_before_reset the reset gate scales the last gate's R h with its bias: the cell adds it.
      const int64_t with_rb = n_.linear_before_reset ? cell_.joined * n_.hidden : row;
      for (int64_t i = 0; i < steps * n_.batch; ++i)
        for (int64_t q = 0; q < row; ++q)
          tape.gates[static_cast<size_t>(i * row + q)] = wb[q] + (q < with_rb ? rb[q] : 0);
    }
    const double* w = in_.w.data() + index_ * row * n_.input;
    for_each_matrix(tape.first, steps, [&](int64_t m, int64_t x_row, int64_t gate_row, int64_t stride) {
      add_times_transposed(m, row, n_.input, in_.x.data() + x_row * n_.input, n_.input, w,
                           tape.gates.data() + gate_row * row, stride * row);
    });
  }

  const RecurrentSizes& n_;
  const RecurrentCell& cell_;
  const Operands& in_;
  std::span<const GateActivation> functions_;
  int64_t index_;
  bool back_;
};

/// Gradients of the operands.
struct Gradients {
  std::vector<double> x, w, r, b, h, c, p;
};

/// Adds what all steps of a direction together give, from the gradients of its gates.
void add_totals(const RecurrentSizes& n, const RecurrentCell& cell, const Operands& in,
                const Direction& direction, const Tape& tape, const std::vector<double>& d_gates,
                const std::vector<double>& d_candidate, Gradients& out) {
  const int64_t row = n.row(), hidden = n.hidden, all = n.steps * n.batch, joined = cell.joined * hidden;
  const double* w = in.w.data() + direction.index() * row * n.input;
  double *dw = out.w.data() + direction.index() * row * n.input,
         *dr = out.r.data() + direction.index() * row * hidden;
  direction.for_each_matrix(0, n.steps, [&](int64_t m, int64_t x_row, int64_t gate_row, int64_t stride) {
    const double* d = d_gates.data() + gate_row * row;
    add_times(m, n.input, row, d, stride * row, w, out.x.data() + x_row * n.input, n.input);
    add_transposed_times(m, n.input, row, d, stride * row, in.x.data() + x_row * n.input, n.input, dw);
  });
  const double* h = direction.states_before(tape);
  add_transposed_times(all, hidden, joined, d_gates.data(), row, h, hidden, dr);
  // The last gate's own way through R.
  const bool after = n.linear_before_reset;
  const double* d_last = after ? d_candidate.data() : d_gates.data() + joined;
  const int64_t d_last_row = after ? hidden : row;
  if (joined < row)
    add_transposed_times(all, hidden, hidden, d_last, d_last_row, after ? h : tape.candidate.data(), hidden,
                         dr + joined * hidden);
  if (out.b.empty()) return;
  double *dwb = out.b.data() + 2 * direction.index() * row, *drb = dwb + row;
  for (int64_t i = 0; i < all; ++i)
    for (int64_t q = 0; q < row; ++q) {
      const double d = d_gates[static_cast<size_t>(i * row + q)];
      dwb[q] += d;
      drb[q] += q < joined ? d : d_last[i * d_last_row + q - joined];
    }
}

}  // namespace

void RecurrentStep::recur(const double* state, int64_t first, int64_t last, double* to,
                          int64_t to_row) const {
  add_times_transposed(size.batch, (last - first) * size.hidden, size.hidden, state, size.hidden,
                       r + first * size.hidden * size.hidden, to, to_row);
}

void RecurrentBackStep::recur_back(const double* from, int64_t from_row, int64_t first, int64_t last,
                                   double* to) const {
  add_times(size.batch, size.hidden, (last - first) * size.hidden, from, from_row,
            r + first * size.hidden * size.hidden, to, size.hidden);
}

std::vector<Type> infer_recurrent(const InferArgs& a, const RecurrentCell& cell) {
  const RecurrentSizes n = check_inputs(a, cell, 0);
  const Shape y = n.batch_first ? Shape{n.batch, n.steps, n.directions, n.hidden}
                                : Shape{n.steps, n.directions, n.batch, n.hidden};
  // Y can be far larger than the states: one that is left out takes no memory.
  std::vector<Type> out(static_cast<size_t>(num_outputs(cell)));
  for (int i = 0; i < num_outputs(cell); ++i)
    if (a.has_output(i))
      out[static_cast<size_t>(i)] = {.format = a.format(kX), .shape = i == 0 ? y : state_shape(n)};
  return out;
}

void recurrent_forward(const OpCall& c, const RecurrentCell& cell) {
  const RecurrentSizes n = read_sizes(c, cell, c.input(kX).shape(), c.input(kR).shape());
  const std::vector<GateActivation> functions = gate_activations(c, n.directions, cell.activations);
  const Operands in = read_operands(c, n, 0);
  if (n.batch == 0) return;
  const size_t states = static_cast<size_t>(n.directions * n.rows());
  std::vector<double> y(c.has_output(0) ? static_cast<size_t>(n.steps) * states : 0), h(states),
      last_c(cell.has_c ? states : 0);
  for (int64_t d = 0; d < n.directions; ++d) {
    Direction direction(n, cell, in, functions, d);
    Tape tape;
    direction.walk(std::max<int64_t>(1, 64 / n.batch), tape, [&](const RecurrentStep& s) {
      for (int64_t b = 0; !y.empty() && b < n.batch; ++b)
        if (s.active(b))
          std::copy_n(s.h_out + b * n.hidden, n.hidden, y.data() + direction.y_row(s.time, b) * n.hidden);
    });
    direction.put_state(direction.h, h);
    if (cell.has_c) direction.put_state(direction.c, last_c);
  }
  store_doubles(c, 0, y);
  store_doubles(c, 1, h);
  store_doubles(c, 2, last_c);
}

void recurrent_gradient(Grad& g, const RecurrentCell& cell) {
  std::vector<ValueId> inputs;
  for (int i = 0; i < num_outputs(cell); ++i)
    inputs.push_back(i < g.num_outputs() ? g.out_grad(i) : kNoValue);
  std::vector<int> given;
  for (int k = 0; k < g.num_inputs(); ++k) {
    inputs.push_back(g.in(k));
    if (k != kLengths && g.has_input(k)) given.push_back(k);
  }
  const std::string name = g.node().op + "Grad";
  const auto d = g.emit_many(name, std::move(inputs), static_cast<int>(given.size()), g.node().attributes);
  for (size_t i = 0; i < given.size(); ++i) g.to_input(given[i], d[i]);
}

std::vector<Type> infer_recurrent_grad(const InferArgs& a, const RecurrentCell& cell) {
  const int first = num_outputs(cell);
  check_inputs(a, cell, first);
  std::vector<Type> out;
  for (int k = 0; k < num_inputs(cell); ++k)
    if (k != kLengths && a.has_input(first + k)) out.push_back(a.type(first + k));
  return out;
}

void recurrent_grad_forward(const OpCall& c, const RecurrentCell& cell) {
  const int first = num_outputs(cell);
  RecurrentSizes n = read_sizes(c, cell, c.input(first + kX).shape(), c.input(first + kR).shape());
  const std::vector<GateActivation> functions = gate_activations(c, n.directions, cell.activations);
  const Operands in = read_operands(c, n, first);
  if (n.batch == 0) n.steps = 0;
  const uint64_t tape_bytes = static_cast<uint64_t>(n.steps * n.batch) *
                              static_cast<uint64_t>(2 * n.row() + 4 * n.hidden) * sizeof(double);
  if (tape_bytes > c.context().max_bytes)
    fail(ErrorCode::kResourceExhausted, "{}: its states and gates take {} bytes, {} are left for this run",
         describe(c.graph(), c.node()), tape_bytes, c.context().max_bytes);
  const auto given = [&](int i) { return c.has_input(i) ? to_doubles(c.input(i)) : std::vector<double>(); };
  const std::vector<double> dy = given(0), dy_h = given(1), dy_c = cell.has_c ? given(2) : dy_h;
  const auto zeros = [](const std::vector<double>& like) { return std::vector<double>(like.size(), 0.0); };
  Gradients out{zeros(in.x), zeros(in.w), zeros(in.r), zeros(in.b), zeros(in.h), zeros(in.c), zeros(in.p)};
  for (int64_t d = 0; d < n.directions; ++d) {
    Direction direction(n, cell, in, functions, d);
    Tape tape;
    direction.walk(std::max<int64_t>(1, n.steps), tape, [](const RecurrentStep&) {});
    std::vector<double> dh = direction.state(dy_h), dc = direction.state(dy_c);
    std::vector<double> d_gates = zeros(tape.gates), d_candidate = zeros(tape.candidate);
    for (int64_t k = n.steps - 1; k >= 0; --k) {
      const int64_t time = n.walks_back(d) ? n.steps - 1 - k : k;
      const RecurrentStep s = direction.step(tape, time);
      s.each([&](int64_t i, int64_t, int64_t j) {
        if (!dy.empty())
          dh[static_cast<size_t>(i)] +=
              dy[static_cast<size_t>(direction.y_row(time, i / n.hidden) * n.hidden + j)];
      });
      cell.back({s, d_gates.data() + time * n.batch * n.row(),
                 d_candidate.data() + (d_candidate.empty() ? 0 : time * n.rows()), dh.data(), dc.data(),
                 out.p.empty() ? nullptr : out.p.data() + d * 3 * n.hidden});
    }
    if (n.steps > 0) add_totals(n, cell, in, direction, tape, d_gates, d_candidate, out);
    if (!out.h.empty()) direction.put_state(dh, out.h);
    if (!out.c.empty()) direction.put_state(dc, out.c);
  }
  const std::vector<double>* const all[] = {&out.x, &out.w, &out.r, &out.b, nullptr, &out.h, &out.c, &out.p};
  int next = 0;
  for (int k = 0; k < num_inputs(cell); ++k)
    if (k != kLengths && c.has_input(first + k)) store_doubles(c, next++, *all[k]);
}

}  // namespace dunlin::ops
