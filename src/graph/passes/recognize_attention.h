// Scaled dot-product attention that exporters write as two products around a softmax becomes one node.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// MatMul(Softmax(MatMul(Q, K^T) [* or / a number] [+ mask]), V) of f32, all sizes known, becomes
/// dunlin.FusedAttention where nothing else reads the parts: the scores are never in memory together. Numbers on Q or K
/// join the scale, and transpositions of Q, K, V and the result are left to its kernel where that reads rows.
/// A mask that has one number for a whole row, batches that repeat and softmaxes along other axes are left alone.
/// Types must have been inferred.
Graph recognize_attention(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
