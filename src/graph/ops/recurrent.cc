#include "graph/ops/recurrent.h"

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"
#include "graph/ops/recurrent_walk.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kNames[] = {"X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"};

Shape state_shape(const RecurrentSizes& n) {
  return n.batch_first ? Shape{n.batch, n.directions, n.hidden} : Shape{n.directions, n.batch, n.hidden};
}

/// Checks the inputs from X on, which is input `first`.
RecurrentSizes check_inputs(const InferArgs& a, const RecurrentCell& cell, int first) {
  check_float(a, first + kX);
  const RecurrentSizes n = recurrent_sizes(a, cell, a.shape(first + kX), a.shape(first + kR));
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
  for (int k = 0; k < cell.num_inputs(); ++k) {
    if (k > kR && !a.has_input(first + k)) continue;
    const Format got = a.format(first + k), want = k == kLengths ? &formats::kI32 : format;
    if (got && want && got != want) a.error("{} is {}, {} is expected", kNames[k], got->name, want->name);
    if (!a.has_shape(first + k)) continue;
    const Shape &shape = a.shape(first + k), &wanted = expected[k];
    if (!shapes_agree(shape, wanted))
      a.error("{} is {}, {} is expected", kNames[k], to_string(shape), to_string(wanted));
  }
  return n;
}

/// The references' operands and products, by plain loops.
class Reference : public RecurrentProducts<double> {
 public:
  /// X is input `first`.
  Reference(const OpCall& c, const RecurrentCell& cell, int first)
      : n(recurrent_sizes(c, cell, c.input(first + kX).shape(), c.input(first + kR).shape())),
        functions(gate_activations(c, n.directions, cell.activations)) {
    const double* data[8] = {};
    for (int k = 0; k < cell.num_inputs(); ++k) {
      if (!c.has_input(first + k) || k == kLengths) continue;
      all_[k] = to_doubles(c.input(first + k));
      data[k] = all_[k].data();
    }
    lengths_ = recurrent_lengths(c, n, optional_input(c, first + kLengths));
    in = {data[kX],        data[kW],        data[kR],         data[kB],
          data[kInitialH], data[kInitialC], data[kPeepholes], lengths_};
  }

  RecurrentSizes n;
  std::vector<GateActivation> functions;
  RecurrentOperands<double> in;
  int64_t direction = 0;  ///< whose weights the products take

  void times_transposed(RecurrentWeight weight, int64_t first, int64_t last, int64_t m, const double* a,
                        int64_t lda, double* to, int64_t ldt) const override {
    const int64_t rows = (last - first) * n.hidden, k = columns(weight);
    const double* const w = matrix(weight, first);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < rows; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l) sum += a[i * lda + l] * w[j * k + l];
        to[i * ldt + j] += sum;
      }
  }

  void times(RecurrentWeight weight, int64_t first, int64_t last, int64_t m, const double* a, int64_t lda,
             double* to, int64_t ldt) const override {
    const int64_t rows = (last - first) * n.hidden, k = columns(weight);
    const double* const w = matrix(weight, first);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t l = 0; l < rows; ++l)
        for (int64_t j = 0; j < k; ++j) to[i * ldt + j] += a[i * lda + l] * w[l * k + j];
  }

  void transposed_times(int64_t m, int64_t columns, int64_t k, const double* a, int64_t lda, const double* b,
                        int64_t ldb, double* to) const override {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t l = 0; l < k; ++l)
        for (int64_t j = 0; j < columns; ++j) to[l * columns + j] += a[i * lda + l] * b[i * ldb + j];
  }

 private:
  int64_t columns(RecurrentWeight weight) const {
    return weight == RecurrentWeight::kInput ? n.input : n.hidden;
  }
  const double* matrix(RecurrentWeight weight, int64_t first) const {
    return (weight == RecurrentWeight::kInput ? in.w : in.r) +
           (direction * n.row() + first * n.hidden) * columns(weight);
  }
  std::vector<double> all_[8];
  std::vector<int64_t> lengths_;
};

}  // namespace

RecurrentSizes recurrent_sizes(const NodeView& a, const RecurrentCell& cell, const Shape& x, const Shape& r) {
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

std::vector<int64_t> recurrent_lengths(const NodeView& a, const RecurrentSizes& n, const Tensor* lengths) {
  std::vector<int64_t> out;
  if (lengths) out = to_ints(*lengths);
  for (int64_t length : out)
    if (length < 0 || length > n.steps)
      a.error("sequence_lens holds {}, 0 to {} is expected", length, n.steps);
  return out;
}

std::vector<Type> infer_recurrent(const InferArgs& a, const RecurrentCell& cell) {
  const RecurrentSizes n = check_inputs(a, cell, 0);
  const Shape y = n.batch_first ? Shape{n.batch, n.steps, n.directions, n.hidden}
                                : Shape{n.steps, n.directions, n.batch, n.hidden};
  // Y can be far larger than the states: one that is left out takes no memory.
  std::vector<Type> out(static_cast<size_t>(cell.num_outputs()));
  for (int i = 0; i < cell.num_outputs(); ++i)
    if (a.has_output(i))
      out[static_cast<size_t>(i)] = {.format = a.format(kX), .shape = i == 0 ? y : state_shape(n)};
  return out;
}

void recurrent_forward(const OpCall& c, const RecurrentCell& cell) {
  Reference ref(c, cell, 0);
  if (ref.n.batch == 0) return;
  const size_t states = static_cast<size_t>(ref.n.directions * ref.n.rows()),
               outputs = c.has_output(0) ? static_cast<size_t>(ref.n.steps) * states : 0,
               tape = static_cast<size_t>(RecurrentTape<double>(ref.n, cell, false).size);
  // A batch of no steps has outputs of no bytes, but states.
  check_scratch(c, 8.0 * (2.0 * static_cast<double>(states) + static_cast<double>(outputs) +
                          static_cast<double>(tape)));
  std::vector<double> y(outputs), h(states), last_c(cell.has_c ? states : 0), memory(tape);
  for (ref.direction = 0; ref.direction < ref.n.directions; ++ref.direction)
    walk_recurrent<double>(ref.n, cell, ref.in, ref.functions, ref, ref.direction,
                           {y.empty() ? nullptr : y.data(), h.data(), last_c.data()}, memory.data());
  store_doubles(c, 0, y);
  store_doubles(c, 1, h);
  store_doubles(c, 2, last_c);
}

void recurrent_gradient(Grad& g, const RecurrentCell& cell) {
  std::vector<ValueId> inputs;
  for (int i = 0; i < cell.num_outputs(); ++i)
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
  const int first = cell.num_outputs();
  check_inputs(a, cell, first);
  std::vector<Type> out;
  for (int k = 0; k < cell.num_inputs(); ++k)
    if (k != kLengths && a.has_input(first + k)) out.push_back(a.type(first + k));
  return out;
}

void recurrent_grad_forward(const OpCall& c, const RecurrentCell& cell) {
  const int first = cell.num_outputs();
  Reference ref(c, cell, first);
  std::vector<double> given[3], out[8];
  const double* from[3] = {};
  double* to[8] = {};
  for (int i = 0; i < first; ++i) {
    if (!c.has_input(i)) continue;
    given[i] = to_doubles(c.input(i));
    from[i] = given[i].data();
  }
  for (int k = 0; k < cell.num_inputs(); ++k) {
    if (!c.has_input(first + k) || k == kLengths) continue;
    out[k].assign(static_cast<size_t>(c.input(first + k).num_elements()), 0.0);
    to[k] = out[k].data();
  }
  if (ref.n.batch > 0) {
    const int64_t size = RecurrentTape<double>(ref.n, cell, true).size;
    check_scratch(c, 8.0 * static_cast<double>(size));
    std::vector<double> memory(static_cast<size_t>(size));
    for (ref.direction = 0; ref.direction < ref.n.directions; ++ref.direction)
      walk_recurrent_back<double>(
          ref.n, cell, ref.in, ref.functions, ref, ref.direction, {from[0], from[1], from[2]},
          {to[kX], to[kW], to[kR], to[kB], to[kInitialH], to[kInitialC], to[kPeepholes]}, memory.data());
  }
  int next = 0;
  for (int k = 0; k < cell.num_inputs(); ++k)
    if (c.has_input(first + k) && k != kLengths) store_doubles(c, next++, out[k]);
}

}  // namespace dunlin::ops
