// ONNX files as the fleet's rounds see them: trainable initialisers and running statistics by name.
#pragma once

#include "fleet/strategies/named_tensors.h"
#include "graph/ir.h"

namespace dunlin::fleet {

class OnnxCodec final : public ModelCodec {
 public:
  NamedTensors read(ByteSpan artefact) override;
  Bytes write(ByteSpan artefact, const NamedTensors& tensors) override;
};

/// The model in an artefact, its constants held and its initialisers untied as training sees them.
dunlin::Model parse_artefact(ByteSpan artefact);
/// Its trainable initialisers and running statistics.
NamedTensors tensors_of(const dunlin::Model& model);
/// Replaces the initialisers of these names. Throws kInvalidArgument when one is missing or of another shape.
void assign(dunlin::Model& model, const NamedTensors& tensors);

}  // namespace dunlin::fleet
