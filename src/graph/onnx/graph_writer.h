// Graph -> GraphProto and FunctionProto.
#pragma once

#include <unordered_map>

#include "graph/ir.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/onnx/tensors.h"

namespace dunlin::onnx {

/// Tensors that lie in another file.
using Places = std::unordered_map<const Tensor*, ExternalPlace>;

void write_graph(const Graph& graph, const Places& places, GraphProto& proto);
void write_function(const Function& function, FunctionProto& proto);
void write_opsets(const Graph& graph, google::protobuf::RepeatedPtrField<OperatorSetIdProto>& out);

}  // namespace dunlin::onnx
