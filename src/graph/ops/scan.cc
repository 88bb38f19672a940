#include "graph/body.h"
#include "graph/ops/scan_output.h"

namespace dunlin::ops {

extern const OpDef kScanOfBatches;

namespace {

/// Inputs of the node: state, then what is taken apart along an axis each; of the body: state and one part of each.
/// Its outputs: state, and what the node's scan outputs collect.
struct Form {
  Body body;
  int num_state, num_scanned, num_scans;
  std::vector<int64_t> input_axes, input_directions, output_axes, output_directions;
};

std::vector<int64_t> list(const NodeView& n, std::string_view name, int size) {
  std::vector<int64_t> out = n.attr_ints(name);
  if (out.empty()) out.assign(static_cast<size_t>(size), 0);
  if (out.size() != static_cast<size_t>(size))
    n.error("{} has {} numbers, {} are expected", name, out.size(), size);
  return out;
}

Form form_of(const NodeView& n) {
  Form f{.body = n.body("body"), .num_state = 0, .num_scanned = 0, .num_scans = 0};
  const int64_t scanned = n.attr_int("num_scan_inputs", 0);
  if (scanned < 1 || scanned > n.num_own_inputs())
    n.error("num_scan_inputs is {}, it has {} inputs", scanned, n.num_own_inputs());
  f.num_scanned = static_cast<int>(scanned);
  f.num_state = n.num_own_inputs() - f.num_scanned;
  const auto inputs = static_cast<int>(f.body.graph->inputs.size());
  const auto outputs = static_cast<int>(f.body.graph->outputs.size());
  if (inputs != n.num_own_inputs())
    n.error("its body has {} inputs, {} are expected", inputs, n.num_own_inputs());
  f.num_scans = outputs - f.num_state;
  if (f.num_scans < 0) n.error("its body has {} outputs, at least {} are expected", outputs, f.num_state);
  if (n.num_outputs() > outputs) n.error("has {} outputs, its body gives {}", n.num_outputs(), outputs);
  f.input_axes = list(n, "scan_input_axes", f.num_scanned);
  f.input_directions = list(n, "scan_input_directions", f.num_scanned);
  f.output_axes = list(n, "scan_output_axes", f.num_scans);
  f.output_directions = list(n, "scan_output_directions", f.num_scans);
  return f;
}

std::vector<Type> infer_scan(const InferArgs& a) {
  const Form f = form_of(a);
  std::vector<Type> state, parts;
  for (int i = 0; i < f.num_state; ++i) state.push_back(a.type(i));
  int64_t length = kUnknownDim;
  for (int i = 0; i < f.num_scanned; ++i) {
    const Type& x = a.type(f.num_state + i);
    if (!x.is_tensor()) a.error("input {} is {}, a tensor is expected", f.num_state + i, to_string(x));
    Type part{.format = x.format, .shape = {}};
    if (x.shape) {
      const int axis = a.normalize_axis(f.input_axes[static_cast<size_t>(i)], x.shape->rank());
      meet(a, length, (*x.shape)[axis]);
      part.shape.emplace();
      for (int d = 0; d < x.shape->rank(); ++d)
        if (d != axis) part.shape->push_back((*x.shape)[d]);
    }
    parts.push_back(std::move(part));
  }
  const std::vector<Type> out = infer_iterated(a, f.body, {}, state, parts, 0);
  std::vector<Type> types = std::move(state);
  for (size_t k = types.size(), s = 0; k < out.size(); ++k, ++s) {
    if (!out[k].is_tensor()) a.error("output {} collects tensors, its body gives {}", k, to_string(out[k]));
    types.push_back(stacked_type(a, out[k], f.output_axes[s], length));
  }
  return types;
}

void run_scan(const ValueCall& c) {
  const Form f = form_of(c);
  std::vector<RunValue> state;
  for (int i = 0; i < f.num_state; ++i) state.push_back(c.value(i).view());
  int64_t length = kUnknownDim;
  std::vector<int> axes;
  for (int i = 0; i < f.num_scanned; ++i) {
    const Shape& shape = c.tensor(f.num_state + i).shape();
    axes.push_back(c.normalize_axis(f.input_axes[static_cast<size_t>(i)], shape.rank()));
    meet(c, length, shape[axes.back()]);
  }
  std::vector<ScanOutput> scans(static_cast<size_t>(f.num_scans));
  for (int64_t i = 0; i < length; ++i) {
    c.count_iteration();
    uint64_t held = 0;
    for (const RunValue& v : state) held += v.num_bytes();
    for (const ScanOutput& s : scans) held += s.num_bytes();
    std::vector<RunValue> in;
    for (RunValue& v : state) in.push_back(std::move(v));
    for (int k = 0; k < f.num_scanned; ++k) {
      const bool backwards = f.input_directions[static_cast<size_t>(k)] != 0;
      in.emplace_back(
          part_of(c.tensor(f.num_state + k), axes[static_cast<size_t>(k)], backwards ? length - 1 - i : i));
    }
    std::vector<RunValue> out = c.run_body(f.body, std::move(in), held);
    for (size_t k = 0; k < state.size(); ++k) state[k] = std::move(out[k]);
    for (size_t k = 0; k < scans.size(); ++k)
      scans[k].add(c, f.num_state + static_cast<int>(k), std::move(out[state.size() + k]));
  }
  for (size_t k = 0; k < state.size(); ++k)
    c.give(static_cast<int>(k), length == 0 ? state[k].clone() : std::move(state[k]));
  for (size_t k = 0; k < scans.size(); ++k) {
    const int output = f.num_state + static_cast<int>(k);
    c.give(output, scans[k].stacked(c, output, f.output_axes[k], f.output_directions[k] != 0));
  }
}

}  // namespace

extern constexpr OpDef kScan{.name = "Scan",
                             .since = 9,
                             .source = "ONNX Scan",
                             .inputs = {1, kVariadic},
                             .outputs = {1, kVariadic},
                             .infer = infer_scan,
                             .run = run_scan,
                             .older = &kScanOfBatches};

}  // namespace dunlin::ops
