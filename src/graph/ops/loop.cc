#include "graph/body.h"
#include "graph/ops/scan_output.h"

namespace dunlin::ops {

namespace {

/// Inputs of the node: trip count, condition, state. Of the body: iteration, condition, state. Its outputs:
/// condition, state, and what the node's scan outputs collect.
struct Form {
  Body body;
  int num_state, num_scans;
};

Form form_of(const NodeView& n) {
  Form f{.body = n.body("body"), .num_state = n.num_own_inputs() - 2, .num_scans = 0};
  const auto inputs = static_cast<int>(f.body.graph->inputs.size());
  const auto outputs = static_cast<int>(f.body.graph->outputs.size());
  if (inputs != 2 + f.num_state)
    n.error("its body has {} inputs, {} are expected: iteration, condition and {} of state", inputs,
            2 + f.num_state, f.num_state);
  f.num_scans = outputs - 1 - f.num_state;
  if (f.num_scans < 0)
    n.error("its body has {} outputs, at least {} are expected: condition and {} of state", outputs,
            1 + f.num_state, f.num_state);
  if (n.num_outputs() > outputs - 1)
    n.error("has {} outputs, its body gives {}", n.num_outputs(), outputs - 1);
  return f;
}

/// Whether the condition, true before the first iteration, is known to stay so.
bool goes_on(const InferArgs& a, const Graph& body) {
  const auto is_true = [](const Tensor* t) { return t && t->num_elements() == 1 && to_scalar(*t) != 0; };
  if (a.has_input(1) && !is_true(a.constant(1))) return false;
  const std::vector<int> producer = producers(body);
  ValueId v = body.outputs[0];
  for (int steps = 0; steps < 8; ++steps) {  // through what exporters put between
    if (v == body.inputs[1]) return true;
    if (const Tensor* t = body.initializer(v)) return is_true(t);
    const int p = producer[static_cast<size_t>(v)];
    if (p < 0) return false;
    const Node& node = body.nodes[static_cast<size_t>(p)];
    if (node.op == "Constant" && node.domain.empty()) {
      const TensorPtr* value = find_attribute<TensorPtr>(node, "value");
      return value && is_true(value->get());
    }
    if (node.op != "Identity" || !node.domain.empty()) return false;
    v = node.inputs[0];
  }
  return false;
}

std::vector<Type> infer_loop(const InferArgs& a) {
  const Form f = form_of(a);
  if (a.has_input(0) && a.format(0) && a.format(0) != &formats::kI64)
    a.error("the trip count is {}, an i64 is expected", to_string(a.type(0)));
  if (a.has_input(1) && a.format(1) && a.format(1) != &formats::kBool)
    a.error("the condition is {}, a bool is expected", to_string(a.type(1)));
  std::vector<Type> state;
  for (int i = 0; i < f.num_state; ++i) state.push_back(a.type(2 + i));
  const Type before[] = {{.format = &formats::kI64, .shape = Shape{}},
                         {.format = &formats::kBool, .shape = Shape{}}};
  const std::vector<Type> out = infer_iterated(a, f.body, before, state, {}, 1);
  const Tensor* const trips = a.constant(0);
  int64_t length = kUnknownDim;
  constexpr int64_t kEndless = int64_t{1}
                               << 31;  // exporters write the largest number for a loop without a count
  if (trips && trips->format() == &formats::kI64 && trips->num_elements() == 1 && goes_on(a, *f.body.graph))
    if (const int64_t count = to_ints(*trips)[0]; count < kEndless) length = std::max<int64_t>(count, 0);
  std::vector<Type> types = std::move(state);
  for (size_t k = types.size() + 1; k < out.size(); ++k) {
    if (!out[k].is_tensor())
      a.error("output {} collects tensors, an iteration gives {}", k - 1, to_string(out[k]));
    types.push_back(stacked_type(a, out[k], 0, length));
  }
  return types;
}

void run_loop(const ValueCall& c) {
  const Form f = form_of(c);
  const int64_t trips = c.has_input(0) ? scalar_input(c, 0) : INT64_MAX;
  bool going = !c.has_input(1) || scalar_input(c, 1) != 0;
  std::vector<RunValue> state;
  for (int i = 0; i < f.num_state; ++i) state.push_back(c.value(2 + i).view());
  std::vector<ScanOutput> scans(static_cast<size_t>(f.num_scans));
  int64_t i = 0;
  for (; going && i < trips; ++i) {
    c.count_iteration();
    uint64_t held = 0;
    for (const RunValue& v : state) held += v.num_bytes();
    for (const ScanOutput& s : scans) held += s.num_bytes();
    std::vector<RunValue> in;
    in.emplace_back(Tensor::of<int64_t>({}, {i}));
    in.emplace_back(Tensor::of<bool>({}, {going}));
    for (RunValue& v : state) in.push_back(std::move(v));
    std::vector<RunValue> out = c.run_body(f.body, std::move(in), held);
    if (!out[0].is_tensor() || out[0].tensor().num_elements() != 1)
      c.error("its body gives no scalar as its condition");
    going = to_scalar(out[0].tensor()) != 0;
    for (size_t k = 0; k < state.size(); ++k) state[k] = std::move(out[k + 1]);
    for (size_t k = 0; k < scans.size(); ++k)
      scans[k].add(c, static_cast<int>(state.size() + k), std::move(out[1 + state.size() + k]));
  }
  for (size_t k = 0; k < state.size(); ++k)
    c.give(static_cast<int>(k), i == 0 ? state[k].clone() : std::move(state[k]));
  for (size_t k = 0; k < scans.size(); ++k) {
    const int output = static_cast<int>(state.size() + k);
    c.give(output, scans[k].stacked(c, output, 0, false));
  }
}

}  // namespace

extern constexpr OpDef kLoop{.name = "Loop",
                             .source = "ONNX Loop",
                             .inputs = {2, kVariadic},
                             .optional_inputs = 0b11,
                             .outputs = {1, kVariadic},
                             .infer = infer_loop,
                             .run = run_loop,
                             .strings = Strings::kTaken};

}  // namespace dunlin::ops
