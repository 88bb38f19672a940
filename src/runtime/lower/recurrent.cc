// RNN, LSTM, GRU and their gradients: the walks of the references in float, with W over many steps at once and R
// in every step by the contraction kernels.
#include "graph/ops/recurrent_walk.h"
#include "kernels/contraction/contraction.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

using ops::RecurrentCell;
using ops::RecurrentSizes;
using ops::RecurrentTape;
using ops::RecurrentWeight;

/// One weight of all directions, packed: the gates before `split` apart from those after it.
struct Panels {
  Isa isa;
  int64_t directions, hidden, columns, split, gates;
  bool transposed;  ///< for a product with weight^T

  int64_t rows(int part) const { return (part == 0 ? split : gates - split) * hidden; }
  size_t part_floats(int part) const {
    if (rows(part) == 0) return 0;
    return transposed ? packed_b_floats(isa, columns, rows(part)) : packed_b_floats(isa, rows(part), columns);
  }
  size_t direction_floats() const { return part_floats(0) + part_floats(1); }
  size_t floats() const { return static_cast<size_t>(directions) * direction_floats(); }

  void pack(ThreadPool& pool, const float* from, float* to) const {
    for (int64_t d = 0; d < directions; ++d)
      for (int part : {0, 1}) {
        if (rows(part) == 0) continue;
        if (transposed)
          pack_b(isa, pool, columns, rows(part), from, 1, columns, to);
        else
          pack_b(isa, pool, rows(part), columns, from, columns, 1, to);
        from += rows(part) * columns;
        to += part_floats(part);
      }
  }
  /// to[m, .] += a[m, .] * the part of the packed weight that begins with gate `first`.
  void multiply(ThreadPool& pool, const float* packed, int64_t direction, int64_t first, int64_t m,
                const float* a, int64_t lda, float* to, int64_t ldt) const {
    const int part = first == 0 ? 0 : 1;
    GemmShape shape{.m = m, .n = transposed ? rows(part) : columns, .k = transposed ? columns : rows(part)};
    shape.lda = lda;
    shape.ldc = ldt;
    gemm(isa, pool, shape, a,
         packed + static_cast<size_t>(direction) * direction_floats() + (part == 0 ? 0 : part_floats(0)), to,
         {.residual = to, .residual_stride = ldt});
  }
};

/// A weight's panels, and where a run finds them.
struct PackedPanels {
  Panels panels;
  PackedWeight weight;
  int input;
  size_t offset = 0;  ///< in scratch, when the weight may change

  const float* get(const StepArgs& args) const {
    if (weight.packed) return weight.packed->data<float>();
    float* const to = args.scratch_floats() + offset;
    panels.pack(args.pool, args.x(static_cast<size_t>(input)), to);
    return to;
  }
};

/// What a node needs beside its operands; scratch holds, in this order: the tape, panels of weights that may
/// change, and what transposed_times() packs.
struct Recurrent {
  NodeView node;  ///< of the plan's graph, which lives as long as the step
  const RecurrentCell* cell;
  RecurrentSizes n;
  std::vector<ops::GateActivation> functions;
  Isa isa;
  std::vector<PackedPanels> panels;  ///< W^T, R^T; on the way back also W, R
  size_t transposed_offset = 0;

  BatchedGemmShape transposed_shape(int64_t m, int64_t columns, int64_t k, int64_t lda, int64_t ldb) const {
    BatchedGemmShape s;
    s.gemm = {.m = k, .n = columns, .k = m, .lda = lda, .ldc = columns, .a_transposed = true};
    s.b_row_stride = ldb;
    return s;
  }
};

class Kernels : public ops::RecurrentProducts<float> {
 public:
  Kernels(const Recurrent& r, const StepArgs& args) : r_(r), args_(args) {
    for (const PackedPanels& p : r.panels) packed_.push_back(p.get(args));
  }
  int64_t direction = 0;  ///< whose weights the products take

  void times_transposed(RecurrentWeight weight, int64_t first, int64_t, int64_t m, const float* a,
                        int64_t lda, float* to, int64_t ldt) const override {
    multiply(weight == RecurrentWeight::kInput ? 0 : 1, first, m, a, lda, to, ldt);
  }
  void times(RecurrentWeight weight, int64_t first, int64_t, int64_t m, const float* a, int64_t lda,
             float* to, int64_t ldt) const override {
    multiply(weight == RecurrentWeight::kInput ? 2 : 3, first, m, a, lda, to, ldt);
  }
  void transposed_times(int64_t m, int64_t columns, int64_t k, const float* a, int64_t lda, const float* b,
                        int64_t ldb, float* to) const override {
    batched_gemm(r_.isa, args_.pool, r_.transposed_shape(m, columns, k, lda, ldb), a, b, to,
                 {.residual = to, .residual_stride = columns}, args_.scratch_floats() + r_.transposed_offset);
  }

 private:
  void multiply(size_t panels, int64_t first, int64_t m, const float* a, int64_t lda, float* to,
                int64_t ldt) const {
    r_.panels[panels].panels.multiply(args_.pool, packed_[panels], direction, first, m, a, lda, to, ldt);
  }
  const Recurrent& r_;
  const StepArgs& args_;
  std::vector<const float*> packed_;
};

/// Sizes, functions and panels of the node whose X is input `first`; `l` gets what they cost.
Recurrent prepare(const LowerContext& c, const RecurrentCell& cell, int first, bool back, Lowered& l) {
  Recurrent r{c,  &cell,   ops::recurrent_sizes(c, cell, c.shape(first + ops::kX), c.shape(first + ops::kR)),
              {}, c.isa(), {}};
  const RecurrentSizes& n = r.n;
  r.functions = ops::gate_activations(c, n.directions, cell.activations);
  size_t floats = static_cast<size_t>(RecurrentTape<float>(n, cell, back).size);
  const auto next_part = [&] { floats = (floats + 15) / 16 * 16; };
  for (bool transposed : {true, false}) {
    if (!transposed && !back) break;
    for (int k : {ops::kW, ops::kR}) {
      const Panels p{c.isa(),
                     n.directions,
                     n.hidden,
                     k == ops::kW ? n.input : n.hidden,
                     k == ops::kW ? n.gates : cell.joined,
                     n.gates,
                     transposed};
      PackedPanels packed{
          p,
          pack_weight(
              c, first + k, p.floats(),
              fmt::format("recurrent {} {} {} {} {}", p.hidden, p.columns, p.split, p.gates, transposed),
              [p](ThreadPool& pool, const float* from, float* to) { p.pack(pool, from, to); }),
          first + k};
      l.packed_bytes += packed.weight.bytes();
      next_part();
      packed.offset = floats;
      if (packed.weight.packed)
        l.unread |= 1u << (first + k);
      else
        floats += p.floats();
      r.panels.push_back(std::move(packed));
    }
  }
  next_part();
  r.transposed_offset = floats;
  if (back) {
    const int64_t all = n.steps * n.batch, m = n.batch_first ? n.steps : all, row = n.row();
    size_t most = 0;
    for (const BatchedGemmShape& s :
         {r.transposed_shape(m, n.input, row, row, n.input),
          r.transposed_shape(all, n.hidden, cell.joined * n.hidden, row, n.hidden),
          r.transposed_shape(all, n.hidden, n.hidden, row, n.hidden)})
      most = std::max(most, batched_gemm_scratch_floats(c.isa(), s, c.num_threads()));
    floats += most;
  }
  l.scratch_bytes = scratch_for(floats);
  // Backward goes forward again, then makes the gradients of what came in and of the weights.
  l.macs = (back ? 3u : 1u) * static_cast<uint64_t>(n.directions * n.steps * n.batch * n.row()) *
           static_cast<uint64_t>(n.input + n.hidden);
  return r;
}

/// Input i, or null; its constant may have been packed.
const float* maybe(const StepArgs& args, int i) {
  return static_cast<size_t>(i) < args.in.size() ? args.x(static_cast<size_t>(i)) : nullptr;
}
float* maybe_out(const StepArgs& args, size_t i) { return i < args.out.size() ? args.y(i) : nullptr; }

/// The operands but the weights, which are packed.
ops::RecurrentOperands<float> operands(const StepArgs& args, int first, const std::vector<int64_t>& lengths) {
  const auto in = [&](int k) { return maybe(args, first + k); };
  return {.x = in(ops::kX),
          .b = in(ops::kB),
          .h = in(ops::kInitialH),
          .c = in(ops::kInitialC),
          .p = in(ops::kPeepholes),
          .lengths = lengths};
}

std::vector<int64_t> lengths_of(const Recurrent& r, const StepArgs& args, int first) {
  const size_t i = static_cast<size_t>(first + ops::kLengths);
  return ops::recurrent_lengths(r.node, r.n, i < args.in.size() ? args.in[i] : nullptr);
}

template <const RecurrentCell& kCell>
std::optional<Lowered> forward(const LowerContext& c) {
  if (c.format(ops::kX) != &formats::kF32) return std::nullopt;
  Lowered l{.kernel = "recurrent"};
  const Recurrent r = prepare(c, kCell, 0, false, l);
  l.run = [r](const StepArgs& args) {
    const std::vector<int64_t> lengths = lengths_of(r, args, 0);
    const auto in = operands(args, 0, lengths);
    Kernels kernels(r, args);
    for (kernels.direction = 0; kernels.direction < r.n.directions; ++kernels.direction)
      ops::walk_recurrent<float>(r.n, kCell, in, r.functions, kernels, kernels.direction,
                                 {maybe_out(args, 0), maybe_out(args, 1), maybe_out(args, 2)},
                                 args.scratch_floats());
  };
  return l;
}

template <const RecurrentCell& kCell>
std::optional<Lowered> backward(const LowerContext& c) {
  const int first = kCell.num_outputs();
  if (c.format(first + ops::kX) != &formats::kF32) return std::nullopt;
  for (int i = 0; i < c.num_outputs(); ++i)
    if (!c.has_output(i)) return std::nullopt;
  Lowered l{.kernel = "recurrent_backward"};
  const Recurrent r = prepare(c, kCell, first, true, l);
  l.run = [r, first](const StepArgs& args) {
    const std::vector<int64_t> lengths = lengths_of(r, args, first);
    const auto in = operands(args, first, lengths);
    float* to[8] = {};
    size_t next = 0;
    for (int k = 0; k < kCell.num_inputs(); ++k) {
      if (k == ops::kLengths || !r.node.has_input(first + k)) continue;
      const Tensor& out = *args.out[next];
      to[k] = args.y(next++);
      std::fill_n(to[k], out.num_elements(), 0.f);
    }
    Kernels kernels(r, args);
    for (kernels.direction = 0; kernels.direction < r.n.directions; ++kernels.direction)
      ops::walk_recurrent_back<float>(
          r.n, kCell, in, r.functions, kernels, kernels.direction,
          {maybe(args, 0), maybe(args, 1), kCell.has_c ? maybe(args, 2) : nullptr},
          {to[ops::kX], to[ops::kW], to[ops::kR], to[ops::kB], to[ops::kInitialH], to[ops::kInitialC],
           to[ops::kPeepholes]},
          args.scratch_floats());
  };
  return l;
}

constexpr LowerEntry kEntries[] = {
    {"", "RNN", forward<ops::kRnnCell>},
    {"", "GRU", forward<ops::kGruCell>},
    {"", "LSTM", forward<ops::kLstmCell>},
    {kDunlinDomain, "RNNGrad", backward<ops::kRnnCell>},
    {kDunlinDomain, "GRUGrad", backward<ops::kGruCell>},
    {kDunlinDomain, "LSTMGrad", backward<ops::kLstmCell>},
};

}  // namespace

std::span<const LowerEntry> recurrent() { return kEntries; }

}  // namespace dunlin::lower
