#include "fleet/model/onnx_codec.h"

#include <algorithm>

#include "base/error.h"
#include "graph/exporter_parameters.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/passes/untie_initializers.h"
#include "learn/train_graph.h"
#include "tensor/formats.h"

namespace dunlin::fleet {

dunlin::Model parse_artefact(ByteSpan artefact) {
  dunlin::Model model = parse_onnx(artefact, {.origin = "the fleet's model"});
  hold_constants(model);
  untie_initializers(model.graph);
  return model;
}

NamedTensors tensors_of(const dunlin::Model& model) {
  const Graph& g = model.graph;
  NamedTensors out;
  const auto add = [&](const std::vector<std::string>& names, Role role) {
    for (const std::string& name : names) {
      const Tensor& t = *g.initializer(g.find(name));
      const auto values = t.values<float>();
      out.add({name, t.shape().dims(), role, {values.begin(), values.end()}});
    }
  };
  add(trainable_weights(g), Role::kParameter);
  add(running_statistics(g), Role::kStatistic);
  return out;
}

void assign(dunlin::Model& model, const NamedTensors& tensors) {
  Graph& g = model.graph;
  for (const NamedTensor& t : tensors) {
    const ValueId v = g.find(t.name);
    const Tensor* old = v == kNoValue ? nullptr : g.initializer(v);
    if (!old || old->shape().dims() != t.shape)
      fail(ErrorCode::kInvalidArgument, "the model has no initialiser \"{}\" of shape {}", t.name,
           shape_text(t.shape));
    if (old->format() == &formats::kF32 &&
        std::ranges::equal(std::as_bytes(old->values<float>()), std::as_bytes(std::span(t.values))))
      continue;  // the same bits need no second copy
    g.initializers[v] =
        std::make_shared<Tensor>(Tensor::of<float>(Shape(t.shape), std::span<const float>(t.values)));
  }
}

NamedTensors OnnxCodec::read(ByteSpan artefact) {
  const dunlin::Model model = parse_artefact(artefact);
  // Found here, when a fleet begins, and not on every device.
  if (!read_task(model.metadata, "the fleet's model"))
    fail(ErrorCode::kFailedPrecondition,
         "the fleet's model carries no task (labels, loss): train it once with `dunlin train`");
  return tensors_of(model);
}

Bytes OnnxCodec::write(ByteSpan artefact, const NamedTensors& tensors) {
  dunlin::Model model = parse_artefact(artefact);
  assign(model, tensors);
  return serialize_onnx(model);
}

}  // namespace dunlin::fleet
