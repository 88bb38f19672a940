#include "graph/body.h"

#include "graph/infer.h"

namespace dunlin {

namespace {

/// Dimensions of one graph's symbols in another graph, where these stand behind `base` others.
Type moved_in(Type t, int64_t base) {
  if (t.shape)
    for (int i = 0; i < t.shape->rank(); ++i)
      if (int64_t& d = (*t.shape)[i]; d < kUnknownDim) d -= base;
  return t;
}
Type moved_out(Type t, int64_t base) {
  if (t.shape)
    for (int i = 0; i < t.shape->rank(); ++i)
      if (int64_t& d = (*t.shape)[i]; d < kUnknownDim) d = d + base < kUnknownDim ? d + base : kUnknownDim;
  return t;
}

}  // namespace

Graph as_graph(const Graph& body, std::span<const TensorPtr> known) {
  Graph g = body;
  std::vector<ValueId> all = std::move(g.inputs);
  all.insert(all.end(), g.captured.begin(), g.captured.end());
  g.captured.clear();
  g.inputs.clear();
  for (size_t i = 0; i < all.size(); ++i) {
    if (i >= known.size() || !known[i]) {
      g.inputs.push_back(all[i]);
      continue;
    }
    g.values[static_cast<size_t>(all[i])].type = {.format = known[i]->format(), .shape = known[i]->shape()};
    g.initializers[all[i]] = known[i];
  }
  return g;
}

int64_t scalar_input(const ValueCall& c, int i) {
  const Tensor& t = c.tensor(i);
  if (t.num_elements() != 1) c.error("input {} is {}, a scalar is expected", i, to_string(t.shape()));
  return to_ints(t)[0];
}

std::optional<Type> merge(const Type& a, const Type& b) {
  if (a.kind != b.kind || (a.format && b.format && a.format != b.format)) return std::nullopt;
  Type out = a;
  if (!out.format) out.format = b.format;
  out.optional = a.optional || b.optional;
  out.shape.reset();
  if (!a.shape || !b.shape || a.shape->rank() != b.shape->rank()) return out;
  Shape shape = *a.shape;
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] != (*b.shape)[i]) shape[i] = kUnknownDim;
  out.shape = std::move(shape);
  return out;
}

std::vector<Type> infer_body(const InferArgs& a, const Body& body, std::span<const Type> inputs) {
  const size_t captured = body.graph->captured.size();
  if (inputs.size() != body.graph->inputs.size())
    a.error("{} has {} inputs, {} are expected", body.attribute, body.graph->inputs.size(), inputs.size());
  std::vector<TensorPtr> known(inputs.size() + captured);
  // Borrowed: the graph below does not outlive this call.
  for (size_t i = 0; i < captured; ++i)
    known[inputs.size() + i] = TensorPtr(TensorPtr(), a.constant(static_cast<int>(body.first_capture + i)));
  Graph g = as_graph(*body.graph, known);
  const auto base = static_cast<int64_t>(g.symbols.size());
  g.symbols.insert(g.symbols.end(), a.graph().symbols.begin(), a.graph().symbols.end());
  for (size_t i = 0, at = 0; i < known.size(); ++i) {
    if (known[i]) continue;
    const auto outer = static_cast<int>(body.first_capture + i - inputs.size());
    const ValueId v = g.inputs[at++];
    Type& declared = g.values[static_cast<size_t>(v)].type;
    if (i >= inputs.size() && !a.has_input(outer)) a.error("{} captures what is not there", body.attribute);
    Type given = moved_in(i < inputs.size() ? inputs[i] : a.type(outer), base);
    // What stands for a captured value is that value, whatever the file says of it.
    if (i < inputs.size() && declared.format &&
        (declared.kind != given.kind || (given.optional && !declared.optional) ||
         (given.format && given.format != declared.format)))
      a.error("input \"{}\" of {} is {}, it is given {}", g.value_name(v), body.attribute,
              to_string(declared), to_string(given));
    if (!given.format) given.format = declared.format;
    declared = std::move(given);
  }
  InferOptions options;
  options.depth = a.depth() + 1;
  // Shapes are worth it; the values themselves are folded when the body is planned.
  options.folding.max_bytes = options.folding.max_grown_bytes = uint64_t{1} << 16;
  g = infer_and_fold(std::move(g), options);
  std::vector<Type> out;
  for (ValueId v : g.outputs) out.push_back(moved_out(g.type(v), base));
  return out;
}

std::vector<Type> infer_iterated(const InferArgs& a, const Body& body, std::span<const Type> before,
                                 std::vector<Type>& state, std::span<const Type> after, size_t first) {
  // Each round looks at all that the body holds: bodies inside bodies multiply, and the deep ones get no second
  // look.
  constexpr int kRefinedDepth = 3, kRounds = 4;
  const int rounds = a.depth() < kRefinedDepth ? kRounds : 1;
  std::vector<Type> out;
  for (int round = 0; round < rounds; ++round) {
    if (round > 1 || a.depth() >= kRefinedDepth)
      for (Type& t : state) t.shape.reset();
    std::vector<Type> in(before.begin(), before.end());
    in.insert(in.end(), state.begin(), state.end());
    in.insert(in.end(), after.begin(), after.end());
    out = infer_body(a, body, in);
    bool settled = true;
    for (size_t i = 0; i < state.size(); ++i) {
      const auto both = merge(state[i], out[first + i]);
      if (!both)
        a.error("its state {} is {}, and {} after an iteration", i, to_string(state[i]),
                to_string(out[first + i]));
      settled &= *both == state[i];
      state[i] = *both;
    }
    if (settled) return out;
  }
  for (std::vector<Type>* types : {&state, &out})
    for (Type& t : *types) t.shape.reset();
  return out;
}

}  // namespace dunlin
