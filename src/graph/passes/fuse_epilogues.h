// Bias, residual addition and activation become part of the convolution or matrix product before them, so
// that a value is written to memory once.
#pragma once

#include <set>

#include "graph/ir.h"

namespace dunlin {

/// Conv -> dunlin.FusedConv, MatMul by a matrix and plain Gemm -> dunlin.FusedMatMul, where nothing else
/// reads the values in between. Types must have been inferred: only additions of known, equal shapes are
/// fused.
Graph fuse_epilogues(Graph graph, const std::set<ValueId>& variable = {});

}  // namespace dunlin
