#include "learn/losses/file_loss.h"

#include <algorithm>

#include "base/error.h"
#include "graph/onnx/import.h"
#include "graph/passes/inline_functions.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

TargetForm form_of(const LossBuilder& b, const Graph& loss, const std::string& path) {
  const Type& t = loss.type(loss.inputs[1]);
  if (t.format == &formats::kI64 && t.shape && t.shape->rank() == 1)
    return {.class_number = true, .shape = {}};
  const bool whole = t.format == &formats::kI64;
  if (!whole && t.format != &formats::kF32)
    fail(ErrorCode::kInvalidArgument, "{}: the targets \"{}\" are {}, i64 or f32 is expected", path,
         loss.value_name(loss.inputs[1]), to_string(t));
  if (t.shape && t.shape->rank() >= 1 &&
      std::all_of(t.shape->begin() + 1, t.shape->end(), [](int64_t d) { return d > 0; }))
    return {.class_number = false,
            .shape = Shape(std::vector<int64_t>(t.shape->begin() + 1, t.shape->end())),
            .whole = whole};
  if (whole)
    fail(ErrorCode::kInvalidArgument, "{}: the targets \"{}\" are {}: all sizes but the first must be fixed",
         path, loss.value_name(loss.inputs[1]), to_string(t));
  return {.class_number = false, .shape = b.sample_shape()};
}

}  // namespace

ValueId append_file_loss(LossBuilder& b, const std::string& path) {
  const Graph loss = inline_functions(load_onnx(path));
  if (loss.inputs.size() != 2 || loss.outputs.size() != 1)
    fail(ErrorCode::kInvalidArgument,
         "{}: a loss has 2 inputs (outputs, targets) and 1 output; this has {} and {}", path,
         loss.inputs.size(), loss.outputs.size());
  Graph& g = b.graph();
  std::vector<ValueId> here(loss.values.size(), kNoValue);
  here[static_cast<size_t>(loss.inputs[0])] = b.output();
  here[static_cast<size_t>(loss.inputs[1])] = b.add_target(form_of(b, loss, path));
  for (size_t v = 0; v < loss.values.size(); ++v) {
    if (here[v] != kNoValue) continue;
    here[v] = g.add_value(g.unused_name("loss/" + loss.values[v].name),
                          {.format = loss.values[v].type.format, .shape = {}});
    if (const auto it = loss.initializers.find(static_cast<ValueId>(v)); it != loss.initializers.end()) {
      g.initializers[here[v]] = it->second;
      g.values[static_cast<size_t>(here[v])].type.shape = it->second->shape();
    }
  }
  const auto moved = [&](std::vector<ValueId> values) {
    for (ValueId& v : values)
      if (v != kNoValue) v = here[static_cast<size_t>(v)];
    return values;
  };
  for (Node node : loss.nodes) {
    for (const auto& [name, attribute] : node.attributes)
      if (std::holds_alternative<GraphPtr>(attribute))
        fail(ErrorCode::kUnsupported, "{}: {}: a loss with subgraphs is not supported", path,
             describe(loss, node));
    node.opset = loss.opset_of(node);  // the model's may differ
    g.opsets.try_emplace(node.domain, node.opset);
    node.inputs = moved(std::move(node.inputs));
    node.outputs = moved(std::move(node.outputs));
    g.nodes.push_back(std::move(node));
  }
  return here[static_cast<size_t>(loss.outputs[0])];
}

}  // namespace dunlin
