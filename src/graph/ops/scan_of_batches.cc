// Scan of opset 8: every input has a batch axis, and sequences of a batch may have lengths of their own.
#include "graph/body.h"
#include "graph/ops/movement.h"
#include "graph/ops/scan_output.h"

namespace dunlin::ops {

namespace {

/// Inputs: lengths, then state [batch, ...], then what is taken apart [batch, length, ...]. The body sees neither
/// batch nor length.
struct Form {
  Body body;
  int num_state, num_scanned, num_scans;
  std::vector<int64_t> directions;

  int scanned(int i) const { return 1 + num_state + i; }
};

Form form_of(const NodeView& n) {
  Form f{.body = n.body("body"), .num_state = 0, .num_scanned = 0, .num_scans = 0, .directions = {}};
  const int64_t scanned = n.attr_int("num_scan_inputs", 0);
  const int given = n.num_own_inputs() - 1;
  if (scanned < 1 || scanned > given)
    n.error("num_scan_inputs is {}, it has {} inputs beside sequence_lens", scanned, given);
  f.num_scanned = static_cast<int>(scanned);
  f.num_state = given - f.num_scanned;
  const auto inputs = static_cast<int>(f.body.graph->inputs.size());
  const auto outputs = static_cast<int>(f.body.graph->outputs.size());
  if (inputs != given) n.error("its body has {} inputs, {} are expected", inputs, given);
  f.num_scans = outputs - f.num_state;
  if (f.num_scans < 0) n.error("its body has {} outputs, at least {} are expected", outputs, f.num_state);
  if (n.num_outputs() > outputs) n.error("has {} outputs, its body gives {}", n.num_outputs(), outputs);
  f.directions = n.attr_ints("directions", std::vector<int64_t>(static_cast<size_t>(scanned), 0));
  if (f.directions.size() != static_cast<size_t>(scanned))
    n.error("directions has {} numbers, {} are expected", f.directions.size(), scanned);
  return f;
}

/// `type` without its first `axes`, whose lengths meet `batch` and `length`.
Type without(const InferArgs& a, const Type& type, int axes, int64_t& batch, int64_t& length) {
  if (!type.is_tensor()) a.error("{} is given, a tensor is expected", to_string(type));
  Type out{.format = type.format, .shape = {}};
  if (!type.shape) return out;
  if (type.shape->rank() < axes) a.error("{} is given, {} axes are expected", to_string(type), axes);
  meet(a, batch, (*type.shape)[0]);
  if (axes == 2) meet(a, length, (*type.shape)[1]);
  out.shape.emplace();
  for (int d = axes; d < type.shape->rank(); ++d) out.shape->push_back((*type.shape)[d]);
  return out;
}

std::vector<Type> infer(const InferArgs& a) {
  const Form f = form_of(a);
  int64_t batch = kUnknownDim, length = kUnknownDim;
  std::vector<Type> state, parts;
  for (int i = 0; i < f.num_state; ++i) state.push_back(without(a, a.type(1 + i), 1, batch, length));
  for (int i = 0; i < f.num_scanned; ++i) parts.push_back(without(a, a.type(f.scanned(i)), 2, batch, length));
  const std::vector<Type> out = infer_iterated(a, f.body, {}, state, parts, 0);
  std::vector<Type> types;
  for (size_t k = 0; k < out.size(); ++k) {
    const bool scan = k >= state.size();
    const Type& one = scan ? out[k] : state[k];
    if (!one.is_tensor()) a.error("output {} is a tensor, its body gives {}", k, to_string(one));
    types.push_back(stacked_type(a, scan ? stacked_type(a, one, 0, length) : one, 0, batch));
  }
  return types;
}

/// An output under way: made when the first part of it is there, 0 where none comes.
struct Collected {
  Tensor all;

  /// `held`: bytes that are in use beside it.
  void put(const ValueCall& c, uint64_t held, const Shape& leading, const RunValue& part,
           std::initializer_list<int64_t> at) {
    if (!part.is_tensor()) c.error("an iteration gives something else than a tensor");
    const Tensor& t = part.tensor();
    Shape shape = leading;
    for (int64_t d : t.shape()) shape.push_back(d);
    if (!all && is_plain(t.format())) {
      const uint64_t bytes =
          static_cast<uint64_t>(shape.num_elements()) * static_cast<uint64_t>(element_bytes(t.format()));
      c.check_bytes(held + bytes, "the outputs that it collects");
    }
    if (!all) all = c.allocate(t.format(), shape);
    if (all.format() != t.format() || all.shape() != shape)
      c.error("an iteration gives {}{}, one before it another type", t.format()->name, to_string(t.shape()));
    int64_t offset = 0;
    size_t d = 0;
    for (int64_t i : at) offset += i * all.strides()[d++];
    scatter_window(t, all, offset,
                   Strides(all.strides().begin() + static_cast<int64_t>(d), all.strides().end()), false);
  }
};

uint64_t bytes_of(const std::vector<RunValue>& values) {
  uint64_t bytes = 0;
  for (const RunValue& v : values) bytes += v.num_bytes();
  return bytes;
}

void run(const ValueCall& c) {
  const Form f = form_of(c);
  int64_t batch = kUnknownDim, length = kUnknownDim;
  for (int i = 0; i < f.num_state + f.num_scanned; ++i) {
    const Shape& s = c.tensor(1 + i).shape();
    if (s.rank() < (i < f.num_state ? 1 : 2)) c.error("input {} is {}, it lacks axes", 1 + i, to_string(s));
    meet(c, batch, s[0]);
    if (i >= f.num_state) meet(c, length, s[1]);
  }
  std::vector<int64_t> lengths;  // empty: all are `length`; a batch of empty tensors has any size
  if (c.has_input(0)) lengths = to_ints(c.tensor(0));
  if (c.has_input(0) && static_cast<int64_t>(lengths.size()) != batch)
    c.error("sequence_lens has {} elements, the batch {}", lengths.size(), batch);
  std::vector<Collected> out(static_cast<size_t>(f.num_state + f.num_scans));
  const auto collected = [&] {
    uint64_t bytes = 0;
    for (const Collected& o : out)
      if (o.all) bytes += o.all.num_bytes();
    return bytes;
  };
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t steps = lengths.empty() ? length : lengths[static_cast<size_t>(b)];
    if (steps == 0) c.count_iteration();  // copies the state
    if (steps < 0 || steps > length) c.error("sequence_lens holds {}, 0 to {} is expected", steps, length);
    std::vector<RunValue> state;
    for (int i = 0; i < f.num_state; ++i) state.emplace_back(part_of(c.tensor(1 + i), 0, b));
    for (int64_t i = 0; i < steps; ++i) {
      c.count_iteration();
      const uint64_t held = collected() + bytes_of(state);
      std::vector<RunValue> in;
      for (RunValue& v : state) in.push_back(std::move(v));
      for (int k = 0; k < f.num_scanned; ++k) {
        const bool backwards = f.directions[static_cast<size_t>(k)] != 0;
        in.emplace_back(part_of(part_of(c.tensor(f.scanned(k)), 0, b), 0, backwards ? steps - 1 - i : i));
      }
      std::vector<RunValue> given = c.run_body(f.body, std::move(in), held);
      for (size_t k = 0; k < state.size(); ++k) state[k] = std::move(given[k]);
      for (size_t k = state.size(); k < out.size(); ++k)
        out[k].put(c, collected() + bytes_of(given), {batch, length}, given[k], {b, i});
    }
    for (size_t k = 0; k < state.size(); ++k)
      out[k].put(c, collected() + bytes_of(state), {batch}, state[k], {b});
  }
  std::vector<Type> types;
  for (size_t k = 0; k < out.size(); ++k) {
    if (!out[k].all) {  // no iteration ran
      if (types.empty()) types = c.output_types();
      const Type& t = types[k];
      if (!t.format || !t.shape || !t.shape->known())
        c.error("no iteration ran, and the type of output {} is not known", k);
      out[k].all = c.allocate(t.format, *t.shape);
    }
    c.give(static_cast<int>(k), std::move(out[k].all));
  }
}

}  // namespace

extern constexpr OpDef kScanOfBatches{.name = "Scan",
                                      .since = 8,
                                      .source = "ONNX Scan-8",
                                      .inputs = {2, kVariadic},
                                      .optional_inputs = 1,
                                      .outputs = {1, kVariadic},
                                      .infer = infer,
                                      .run = run};

}  // namespace dunlin::ops
