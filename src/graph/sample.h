// Turns the words of an op's Sample into a graph of one node and its inputs.
#pragma once

#include "graph/op.h"

namespace dunlin {

struct SampleCase {
  Graph graph;                 ///< one node; inputs with given values are initialisers
  std::vector<Tensor> inputs;  ///< of the graph
};

/// Outputs that the op must give beyond those of the sample are left out.
/// `floats_as`: the format that f32 inputs take instead (f64 for finite differences); null leaves them.
SampleCase make_sample(const OpDef& op, const Sample& sample, uint64_t seed, Format floats_as = nullptr);

/// Of the op's domain: the sample's, or the newest where that has fewer.
int opset_of(const OpDef& op, const Sample& sample);

/// "kernel_shape=[3,3] mode='same'"
Attributes parse_attributes(std::string_view text);

}  // namespace dunlin
